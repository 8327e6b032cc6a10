// The student network. Written once for all instruction sets; V is described in generic.hpp.
#pragma once

#include "contract.hpp"
#include "winograd.hpp"

namespace rppg {

template <class V>
struct StudentKernels : Winograd<V> {
  static constexpr int kWidth = V::kWidth;
  using Winograd<V>::tanh_mean;
  using Winograd<V>::transform_input;
  using Winograd<V>::transform_output;

  // --- First layer

  // Transforms the input of output rows 6 * group to 6 * group + 5.
  static void transform_rows(const float* motion, int group, float* rows) {
    for (int colour = 0; colour < kColours; ++colour) {
      const float* plane = motion + colour * kSide * kSide;
      for (int next = 0; next < kSide; next += kWidth) {
        const int x = next < kSide - kWidth
                          ? next
                          : kSide - kWidth;  // the last vector overlaps the one before
        V in[kTilePoints], points[kTilePoints];
        for (int i = 0; i < kTilePoints; ++i) {
          const int y = kTileSide * group + i - 1;
          in[i] = y < 0 || y >= kSide ? V::zero() : V::load(plane + y * kSide + x);
        }
        transform_input(in, points);
        for (int t = 0; t < kTilePoints; ++t)
          points[t].store(rows + (t * kColours + colour) * kRowStride + 1 + x);
      }
    }
  }

  static void first_layer(const PackedWeights& weights, const float* motion, StudentScratch& s) {
    constexpr int kC = V::kColumns1, kAtOnce = kC * kWidth;
    static_assert(kMaps1 % kAtOnce == 0 && kAtOnce <= kMapsAtOnce, "blocks fill the product");
    for (int group = 0; group < kSide / kTileSide; ++group) {
      transform_rows(motion, group, s.rows);
      for (int map = 0; map < kMaps1; map += kAtOnce) {
        for (int x = 0; x < kSide; x += kAcross1) {
          for (int t = 0; t < kTilePoints; ++t)
            Winograd<V>::template multiply<kAcross1, kC, kColours, 3>(
                s.rows + t * kColours * kRowStride + x, 1, kRowStride,
                weights.conv1 + t * kColours * 3 * kMaps1 + map, kMaps1,
                s.products1 + t * kAcross1 * kAtOnce, kAtOnce);
          for (int c = 0; c < kC; ++c)
            for (int column = 0; column < kAcross1; column += 2)
              pool_first(s, map + c * kWidth, V::load(weights.conv1_bias + map + c * kWidth),
                         s.products1 + column * kAtOnce + c * kWidth, kAtOnce,
                         kTileSide / 2 * group, (x + column) / 2);
        }
      }
    }
  }

  // Turns two columns of products into three pooling cells, at (y, x) of the first maps and below.
  __attribute__((noinline)) static void pool_first(StudentScratch& s, int map, V bias,
                                                   const float* products, int stride, int y,
                                                   int x) {
    V out[2][kTileSide];
    for (int column = 0; column < 2; ++column) {
      V m[kTilePoints];
      for (int t = 0; t < kTilePoints; ++t)
        m[t] = V::load(products + (t * kAcross1 + column) * stride);
      m[1] = m[1] + bias;
      transform_output(m, out[column]);
    }
    float* const maps = s.maps1[map / kBlock][(y + 1) * kPadded1 + x + 1] + map % kBlock;
    for (int i = 0; i < kTileSide / 2; ++i)
      tanh_mean(out[0][2 * i], out[1][2 * i], out[0][2 * i + 1], out[1][2 * i + 1])
          .store(maps + i * kPadded1 * kBlock);
  }

  // --- Second layer

  static void transform_tiles(StudentScratch& s) {
    V in[kTilePoints], points[kTilePoints];
    for (int map = 0; map < kMaps1; map += kWidth) {
      for (int down = 0; down < kTilesAcross; ++down) {
        const float* maps = s.maps1[map / kBlock][kTileSide * down * kPadded1] + map % kBlock;
        for (int x = 0; x < kPadded1; ++x) {
          for (int i = 0; i < kTilePoints; ++i) in[i] = V::load(maps + (i * kPadded1 + x) * kBlock);
          transform_input(in, points);
          for (int i = 0; i < kTilePoints; ++i)
            points[i].store(s.band + (i * kPadded1 + x) * kWidth);
        }
        for (int across = 0; across < kTilesAcross; ++across) {
          for (int row = 0; row < kTilePoints; ++row) {
            const float* from = s.band + (row * kPadded1 + kTileSide * across) * kWidth;
            for (int i = 0; i < kTilePoints; ++i) in[i] = V::load(from + i * kWidth);
            transform_input(in, points);
            for (int i = 0; i < kTilePoints; ++i)
              points[i].store(s.tiles[row * kTilePoints + i][kTilesAcross * down + across] + map);
          }
        }
      }
    }
  }

  static void multiply_tiles(const PackedWeights& weights, int half, StudentScratch& s) {
    constexpr int kR = V::kRows, kC = V::kColumns;
    static_assert(kTiles % kR == 0 && kHalf % (kC * kWidth) == 0, "blocks fill the product");
    for (int point = 0; point < kTilePoints * kTilePoints; ++point)
      for (int map = 0; map < kHalf; map += kC * kWidth)
        for (int tile = 0; tile < kTiles; tile += kR)
          Winograd<V>::template multiply<kR, kC, 1, kMaps1>(
              s.tiles[point][tile], kMaps1, 0, weights.conv2[half][point] + map, kHalf,
              s.products2 + tile * kTileStride + point * kHalf + map, kTileStride);
  }

  // Adds the contribution of one tile's products, for one vector of maps, to the fully connected
  // layer's `sum`.
  __attribute__((noinline)) static V pool_second(const float* products, V bias,
                                                 const float* fully_connected, V sum) {
    V rows[kTileSide][kTilePoints];
    for (int x = 0; x < kTilePoints; ++x) {
      V m[kTilePoints], y[kTileSide];
      for (int i = 0; i < kTilePoints; ++i)
        m[i] = V::load(products + (i * kTilePoints + x) * kHalf);
      if (x == 1) m[1] = m[1] + bias;
      transform_output(m, y);
      for (int i = 0; i < kTileSide; ++i) rows[i][x] = y[i];
    }
    for (int y = 0; y < kTileSide; y += 2) {
      V upper[kTileSide], lower[kTileSide];
      transform_output(rows[y], upper);
      transform_output(rows[y + 1], lower);
      for (int x = 0; x < kTileSide; x += 2) {
        const V pooled = tanh_mean(upper[x], upper[x + 1], lower[x], lower[x + 1]);
        sum = fma(pooled, V::load(fully_connected + (y / 2 * kSide2 + x / 2) * kMaps2), sum);
      }
    }
    return sum;
  }

  static float second_layer(const PackedWeights& weights, StudentScratch& s) {
    transform_tiles(s);
    alignas(kAlignment) float sums[kMaps2] = {};
    for (int half = 0; half < kMaps2 / kHalf; ++half) {
      multiply_tiles(weights, half, s);
      for (int tile = 0; tile < kTiles; ++tile) {
        const int cell =
            tile / kTilesAcross * (kTileSide / 2) * kSide2 + tile % kTilesAcross * (kTileSide / 2);
        for (int i = 0; i < kHalf; i += kWidth) {
          const int map = half * kHalf + i;
          pool_second(s.products2 + tile * kTileStride + i, V::load(weights.conv2_bias + map),
                      weights.fully_connected + cell * kMaps2 + map, V::load(sums + map))
              .store(sums + map);
        }
      }
    }
    return total(weights, sums);
  }

  static float total(const PackedWeights& weights, const float (&sums)[kMaps2]) {
    double change = static_cast<double>(weights.fully_connected_bias);
    for (const float sum : sums) change += static_cast<double>(sum);
    return static_cast<float>(change);
  }

  static float change(const PackedWeights& weights, const float* motion, StudentScratch& s) {
    first_layer(weights, motion, s);
    return second_layer(weights, s);
  }
};

}  // namespace rppg
