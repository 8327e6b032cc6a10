// The teacher network. Written once for all instruction sets; V is described in generic.hpp.
//
// The first and third convolutions of both branches store their maps. The second and fourth ones of
// the appearance branch produce the attention masks, and those of the motion branch produce maps
// that are multiplied by these masks and pooled.
#pragma once

#include <algorithm>

#include "contract.hpp"
#include "float4.hpp"
#include "tanh.hpp"
#include "winograd.hpp"

namespace rppg {

template <class V>
struct TeacherKernels {
  using Net = Winograd<V>;
  static constexpr int kWidth = V::kWidth;

  // Stores the four pixels of a pooling cell in maps that are kRow pixels wide.
  template <int kRow>
  static void store_cell(const V (&cell)[4], float* to) {
    cell[0].store(to);
    cell[1].store(to + kBlock);
    cell[2].store(to + kRow * kBlock);
    cell[3].store(to + (kRow + 1) * kBlock);
  }

  // --- First and third layer of both branches

  __attribute__((noinline)) static void keep_columns(const float* products, int stride, V bias,
                                                     float* maps) {
    V out[2][kTileSide];
    Net::transform_columns(products, stride, bias, out);
    for (int i = 0; i < kTileSide; i += 2) {
      V cell[4] = {out[0][i], out[1][i], out[0][i + 1], out[1][i + 1]};
      Tanh<V>::tanh_cell(cell);
      store_cell<kPadded>(cell, maps + i * kPadded * kBlock);
    }
  }

  static void first_layer(const PackedBranch& weights, const float* planes, TeacherScratch& s) {
    Net::convolve_colors(weights.conv1, weights.conv1_bias, planes, s.colors,
                         [&](int map, V bias, const float* products, int stride, int y, int x) {
                           keep_columns(
                               products, stride, bias,
                               Net::template at<kPadded>(s.maps1[0][0], map, y + 1, x + 1));
                         });
  }

  __attribute__((noinline)) static void keep_tile(const float* products, V bias, float* maps) {
    Net::transform_tile(products, bias, [&](int y, int x, V(&cell)[4]) {
      Tanh<V>::tanh_cell(cell);
      store_cell<kPadded1>(cell, maps + (y * kPadded1 + x) * kBlock);
    });
  }

  static void third_layer(const PackedBranch& weights, TeacherScratch& s) {
    Net::convolve_maps(weights.conv3, s.maps2[0][0], s.tiles3,
                       [&](const float* products, int first, int y, int x) {
                         for (int map = first; map < first + kHalf; map += kWidth)
                           keep_tile(products + map - first, V::load(weights.conv3_bias + map),
                                     Net::template at<kPadded1>(s.maps3[0][0], map, y + 1, x + 1));
                       });
  }

  // --- Second and fourth layer of the appearance branch

  // Adds the contribution of one tile, for one vector of maps, to the attention of its pixels;
  // `lanes` has a vector of partial sums for each pixel. Pools the maps, too, if another layer
  // follows.
  template <bool kPool>
  __attribute__((noinline)) static void look_at_tile(const float* products, V bias, V attention,
                                                     float* lanes, float* pooled) {
    Net::transform_tile(products, bias, [&](int y, int x, V(&cell)[4]) {
      Tanh<V>::tanh_cell(cell);
      float* const pixels = lanes + (y * kTileSide + x) * kWidth;
      for (int i = 0; i < 4; ++i) {
        float* const pixel = pixels + (i / 2 * kTileSide + i % 2) * kWidth;
        fma(cell[i], attention, V::load(pixel)).store(pixel);
      }
      if constexpr (kPool)
        (V::all(0.25f) * ((cell[0] + cell[1]) + (cell[2] + cell[3])))
            .store(pooled + (y / 2 * kPadded1 + x / 2) * kBlock);
    });
  }

  // Adds up the partial sums of a tile's pixels.
  static void add_lanes(const float* lanes, float* sums, int row) {
    for (int y = 0; y < kTileSide; ++y)
      for (int x = 0; x < kTileSide; ++x, lanes += kWidth) {
        Float4 sum = load(lanes);
        for (int i = kFloat4; i < kWidth; i += kFloat4) sum += load(lanes + i);
        sums[y * row + x] += total(sum);
      }
  }

  // Computes a layer of the appearance branch and its attention mask. The values of the mask are a
  // quarter of the sigmoid, so that a weighted sum over a pooling cell is the weighted mean.
  template <bool kPool, class Layer, int kCount>
  static void attend(const TileWeights<Layer>& weights, const float* bias, const float* attention,
                     float attention_bias, const float* maps, TileScratch<Layer>& tiles,
                     float* pooled, float (&mask)[kCount]) {
    static_assert(kCount % kBlock == 0, "whole vectors");
    for (float& value : mask) value = attention_bias;
    Net::convolve_maps(weights, maps, tiles, [&](const float* products, int first, int y, int x) {
      alignas(kAlignment) float lanes[kTileSide * kTileSide * kWidth] = {};
      for (int map = first; map < first + kHalf; map += kWidth)
        look_at_tile<kPool>(
            products + map - first, V::load(bias + map), V::load(attention + map), lanes,
            kPool ? Net::template at<kPadded1>(pooled, map, y / 2 + 1, x / 2 + 1) : nullptr);
      add_lanes(lanes, mask + y * Layer::kSide + x, Layer::kSide);
    });
    for (int i = 0; i < kCount; i += kWidth)
      (V::all(0.25f) / Tanh<V>::power_plus_one(V::load(mask + i))).store(mask + i);
  }

  // --- Second and fourth layer of the motion branch

  // Multiplies one tile of one vector of maps by the mask, pools it, and stores it in cells that
  // are `row` and `column` floats apart.
  __attribute__((noinline)) static void weigh_tile(const float* products, V bias, const float* mask,
                                                   int mask_row, float* to, int row, int column) {
    Net::transform_tile(products, bias, [&](int y, int x, const V(&cell)[4]) {
      const float* const upper = mask + y * mask_row + x;
      const float* const lower = upper + mask_row;
      Tanh<V>::tanh_sum(
          cell, {V::splat(upper), V::splat(upper + 1), V::splat(lower), V::splat(lower + 1)})
          .store(to + y / 2 * row + x / 2 * column);
    });
  }

  static void weigh_second_layer(const PackedBranch& weights, TeacherScratch& s) {
    Net::convolve_maps(weights.conv2, s.maps1[0][0], s.tiles2,
                       [&](const float* products, int first, int y, int x) {
                         for (int map = first; map < first + kHalf; map += kWidth)
                           weigh_tile(
                               products + map - first, V::load(weights.conv2_bias + map),
                               s.mask1 + y * kSide + x, kSide,
                               Net::template at<kPadded1>(s.maps2[0][0], map, y / 2 + 1, x / 2 + 1),
                               kPadded1 * kBlock, kBlock);
                       });
  }

  static void weigh_fourth_layer(const PackedBranch& weights, TeacherScratch& s) {
    Net::convolve_maps(weights.conv4, s.maps3[0][0], s.tiles4,
                       [&](const float* products, int first, int y, int x) {
                         float* const cell = s.features[y / 2 * kSide2 + x / 2];
                         for (int map = first; map < first + kHalf; map += kWidth)
                           weigh_tile(products + map - first, V::load(weights.conv4_bias + map),
                                      s.mask2 + y * kSide1 + x, kSide1, cell + map, kSide2 * kMaps2,
                                      kMaps2);
                       });
  }

  // --- The fully connected layers

  static float connect(const PackedTeacher& weights, const float* features) {
    // As many vectors of sums as fit the registers.
    constexpr int kC = std::min(kUnitsAtOnce / kWidth, V::kFewRegisters ? 8 : 16);
    constexpr int kRow = kSide2 * kMaps2;
    double change = static_cast<double>(weights.output_bias);
    for (int first = 0; first < kTeacherHidden; first += kUnitsAtOnce) {
      alignas(kAlignment) float sums[kUnitsAtOnce], part[kUnitsAtOnce];
      std::copy_n(weights.hidden_bias + first, kUnitsAtOnce, sums);
      // One sum for each row of pixels, because rounding errors grow with the length of a sum.
      for (int y = 0; y < kSide2; ++y) {
        for (int unit = 0; unit < kUnitsAtOnce; unit += kC * kWidth)
          Net::template multiply<1, kC, 1, kRow>(
              features + y * kRow, 0, 0,
              weights.hidden[first / kUnitsAtOnce] + y * kRow * kUnitsAtOnce + unit, kUnitsAtOnce,
              part + unit, kUnitsAtOnce);
        for (int i = 0; i < kUnitsAtOnce; i += kWidth)
          (V::load(sums + i) + V::load(part + i)).store(sums + i);
      }
      for (int i = 0; i < kUnitsAtOnce; i += kWidth)
        (Tanh<V>::tanh(V::load(sums + i)) * V::load(weights.output + first + i)).store(sums + i);
      for (const float sum : sums) change += static_cast<double>(sum);
    }
    return static_cast<float>(change);
  }

  static float predict(const PackedTeacher& weights, const float* motion, const float* appearance,
                       TeacherScratch& s) {
    const PackedBranch& seen = weights.appearance;
    first_layer(seen, appearance, s);
    attend<true>(seen.conv2, seen.conv2_bias, weights.attention1, weights.attention1_bias,
                 s.maps1[0][0], s.tiles2, s.maps2[0][0], s.mask1);
    third_layer(seen, s);
    attend<false>(seen.conv4, seen.conv4_bias, weights.attention2, weights.attention2_bias,
                  s.maps3[0][0], s.tiles4, nullptr, s.mask2);
    first_layer(weights.motion, motion, s);
    weigh_second_layer(weights.motion, s);
    third_layer(weights.motion, s);
    weigh_fourth_layer(weights.motion, s);
    return connect(weights, s.features[0]);
  }
};

}  // namespace rppg
