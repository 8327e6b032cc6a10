// The student network. Written once for all instruction sets; V is described in generic.hpp.
#pragma once

#include "contract.hpp"
#include "tanh.hpp"
#include "winograd.hpp"

namespace rppg {

template <class V>
struct StudentKernels {
  using Net = Winograd<V>;
  static constexpr int kWidth = V::kWidth;

  // Turns two columns of products into three pooling cells, at `maps` and below.
  __attribute__((noinline)) static void pool_columns(const float* products, int stride, V bias,
                                                     float* maps) {
    V out[2][kTileSide];
    Net::transform_columns(products, stride, bias, out);
    for (int i = 0; i < kTileSide / 2; ++i)
      Tanh<V>::tanh_mean(out[0][2 * i], out[1][2 * i], out[0][2 * i + 1], out[1][2 * i + 1])
          .store(maps + i * kPadded1 * kBlock);
  }

  static void first_layer(const PackedWeights& weights, const float* motion, StudentScratch& s) {
    Net::convolve_colors(
        weights.conv1, weights.conv1_bias, motion, s.colors,
        [&](int map, V bias, const float* products, int stride, int y, int x) {
          pool_columns(products, stride, bias,
                       Net::template at<kPadded1>(s.maps1[0][0], map, y / 2 + 1, x / 2 + 1));
        });
  }

  // Adds the contribution of one tile's products, for one vector of maps, to the fully connected
  // layer's `sum`.
  __attribute__((noinline)) static V pool_tile(const float* products, V bias,
                                               const float* fully_connected, V sum) {
    Net::transform_tile(products, bias, [&](int y, int x, const V(&z)[4]) {
      const V pooled = Tanh<V>::tanh_mean(z[0], z[1], z[2], z[3]);
      sum = fma(pooled, V::load(fully_connected + (y / 2 * kSide2 + x / 2) * kMaps2), sum);
    });
    return sum;
  }

  static float second_layer(const PackedWeights& weights, StudentScratch& s) {
    alignas(kAlignment) float sums[kMaps2] = {};
    Net::convolve_maps(weights.conv2, s.maps1[0][0], s.tiles2,
                       [&](const float* products, int first, int y, int x) {
                         const int cell = y / 2 * kSide2 + x / 2;
                         for (int map = first; map < first + kHalf; map += kWidth)
                           pool_tile(products + map - first, V::load(weights.conv2_bias + map),
                                     weights.fully_connected + cell * kMaps2 + map,
                                     V::load(sums + map))
                               .store(sums + map);
                       });
    return total(weights, sums);
  }

  static float total(const PackedWeights& weights, const float (&sums)[kMaps2]) {
    double change = static_cast<double>(weights.fully_connected_bias);
    for (const float sum : sums) change += static_cast<double>(sum);
    return static_cast<float>(change);
  }

  static float predict(const PackedWeights& weights, const float* motion, StudentScratch& s) {
    first_layer(weights, motion, s);
    return second_layer(weights, s);
  }
};

}  // namespace rppg
