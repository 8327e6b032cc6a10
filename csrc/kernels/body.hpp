// Kernel bodies in plain C++, shaped so that a compiler vectorises them: the innermost loops run
// over output maps or pixels, have constant length and no branches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels.hpp"

namespace rppg::body {

inline void add_row(const std::uint8_t* row, float weight, int count, float* sum) {
  for (int i = 0; i < count; ++i) sum[i] += weight * static_cast<float>(row[i]);
}

// By value: std::clamp returns references, which keep gcc from vectorising.
inline float clamp(float x, float low, float high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}

inline void motion(const float* a, const float* b, std::ptrdiff_t count, float* out) {
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    const float ratio = (b[i] - a[i]) / (a[i] + b[i] + kMotionOffset);
    out[i] = clamp(ratio, -kMotionLimit, kMotionLimit) * kMotionGain;
  }
}

// tanh(x) = 1 - 2 / (2^z + 1) with z = 2 x log2(e); 2^z by a polynomial on [-1/2, 1/2] and an
// exponent shift. Absolute error below 3e-7.
inline float tanh(float x) {
  constexpr float kSaturation = 9.0f;  // tanh(9) rounds to 1
  constexpr float kTwoLog2E = 2.885390081777927f;
  constexpr float kRoundToInteger = 12582912.0f;  // 1.5 * 2^23: adding it drops the fraction
  const float z = clamp(x, -kSaturation, kSaturation) * kTwoLog2E;
  const float biased = z + kRoundToInteger;
  const float f = z - (biased - kRoundToInteger);
  // Taylor terms of 2^f; |f| <= 1/2 leaves 1.2e-7 after the sixth.
  float power = 1.540353e-4f;
  power = power * f + 1.333355815e-3f;
  power = power * f + 9.618129108e-3f;
  power = power * f + 5.550410866e-2f;
  power = power * f + 2.402265070e-1f;
  power = power * f + 6.931471806e-1f;
  power = power * f + 1.0f;
  // The integer stands in the low bits of `biased`; shifted, what is above it falls out.
  std::uint32_t bits, whole;
  std::memcpy(&bits, &power, sizeof bits);
  std::memcpy(&whole, &biased, sizeof whole);
  bits += whole << 23;
  std::memcpy(&power, &bits, sizeof bits);
  return 1.0f - 2.0f / (power + 1.0f);
}

// The sums of one pooling cell (four neighbouring pixels) for kGroup output maps.
// The group is as wide as 16 vector registers of 4 floats can hold beside their operands.
inline constexpr int kGroup = 8;
inline constexpr int kCell = 4;

template <int kInputs>
inline void accumulate(const float* const (&pixel)[kCell], const float* weights, int weight_stride,
                       int input_stride, float (&sum)[kCell][kGroup]) {
  for (int input = 0; input < kInputs; ++input) {
    const float* w = weights + input * weight_stride;
    for (int p = 0; p < kCell; ++p) {
      const float value = pixel[p][input * input_stride];
      for (int m = 0; m < kGroup; ++m) sum[p][m] += value * w[m];
    }
  }
}

inline void start(const float* bias, float (&sum)[kCell][kGroup]) {
  for (int p = 0; p < kCell; ++p)
    for (int m = 0; m < kGroup; ++m) sum[p][m] = bias[m];
}

inline void tanh_pool(float (&sum)[kCell][kGroup], float (&pooled)[kGroup]) {
  float* const values = sum[0];
  for (int i = 0; i < kCell * kGroup; ++i) values[i] = tanh(values[i]);
  for (int m = 0; m < kGroup; ++m)
    pooled[m] = 0.25f * ((sum[0][m] + sum[1][m]) + (sum[2][m] + sum[3][m]));
}

inline void first_layer(const PackedWeights& weights, StudentScratch& scratch) {
  constexpr int kPlane = kPadded * kPadded;
  for (int y = 0; y < kSide1; ++y) {
    for (int x = 0; x < kSide1; ++x) {
      float* out = scratch.maps1 + ((y + 1) * kPadded1 + x + 1) * kMaps1;
      for (int map = 0; map < kMaps1; map += kGroup) {
        float sum[kCell][kGroup];
        start(weights.conv1_bias + map, sum);
        for (int ky = 0; ky < 3; ++ky) {
          for (int kx = 0; kx < 3; ++kx) {
            const float* corner = scratch.motion + (2 * y + ky) * kPadded + 2 * x + kx;
            const float* const pixel[kCell] = {corner, corner + 1, corner + kPadded,
                                               corner + kPadded + 1};
            accumulate<kColours>(pixel, weights.conv1 + (ky * 3 + kx) * kColours * kMaps1 + map,
                                 kMaps1, kPlane, sum);
          }
        }
        float pooled[kGroup];
        tanh_pool(sum, pooled);
        for (int m = 0; m < kGroup; ++m) out[map + m] = pooled[m];
      }
    }
  }
}

inline float second_layer(const PackedWeights& weights, const StudentScratch& scratch) {
  alignas(kAlignment) float total[kMaps2] = {};
  for (int map = 0; map < kMaps2; map += kGroup) {
    for (int y = 0; y < kSide2; ++y) {
      for (int x = 0; x < kSide2; ++x) {
        float sum[kCell][kGroup];
        start(weights.conv2_bias + map, sum);
        for (int ky = 0; ky < 3; ++ky) {
          for (int kx = 0; kx < 3; ++kx) {
            const float* corner = scratch.maps1 + ((2 * y + ky) * kPadded1 + 2 * x + kx) * kMaps1;
            const float* const pixel[kCell] = {corner, corner + kMaps1, corner + kPadded1 * kMaps1,
                                               corner + (kPadded1 + 1) * kMaps1};
            accumulate<kMaps1>(pixel, weights.conv2 + (ky * 3 + kx) * kMaps1 * kMaps2 + map, kMaps2,
                               1, sum);
          }
        }
        float pooled[kGroup];
        tanh_pool(sum, pooled);
        const float* w = weights.fully_connected + (y * kSide2 + x) * kMaps2 + map;
        for (int m = 0; m < kGroup; ++m) total[map + m] += pooled[m] * w[m];
      }
    }
  }
  double change = weights.fully_connected_bias;
  for (const float part : total) change += part;
  return static_cast<float>(change);
}

}  // namespace rppg::body
