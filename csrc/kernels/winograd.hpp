// Building blocks of the student network's convolutions: Winograd's transforms, a matrix product
// whose sums stay in registers, and tanh with pooling. Written once for all instruction sets; V is
// described in generic.hpp.
#pragma once

#include "contract.hpp"

namespace rppg {

template <class V>
struct Winograd {
  static constexpr int kWidth = V::kWidth;

  // --- tanh and pooling

  // 2^z + 1, with z clamped to [-26, 26]. Beyond that range tanh is +-1 in float32, and within it
  // the product of four results does not overflow a float.
  static V power_plus_one(V z) {
    constexpr float kSaturation = 26.0f;
    constexpr float kRound =
        12582912.0f + 127.0f;  // the sum drops the fraction and leaves an exponent
    z = clamp(z, V::all(-kSaturation), V::all(kSaturation));
    const V rounded = z + V::all(kRound);
    const V f = z - (rounded - V::all(kRound));
    // Minimax polynomial for 2^f on [-1/2, 1/2]; its largest relative error is 8e-8.
    V power = V::all(1.3276473e-3f);
    power = fma(power, f, V::all(9.6755410e-3f));
    power = fma(power, f, V::all(5.5507131e-2f));
    power = fma(power, f, V::all(2.4022120e-1f));
    power = fma(power, f, V::all(6.9314694e-1f));
    power = fma(power, f, V::all(1.0000001f));
    return fma(power, power_of_two(rounded), V::all(1.0f));
  }

  // The mean of tanh over a pooling cell. The arguments are already multiplied by 2 log2(e), so
  // that tanh(x) = 1 - 2 / (2^z + 1). The four quotients share one division.
  static V tanh_mean(V z0, V z1, V z2, V z3) {
    const V a = power_plus_one(z0), b = power_plus_one(z1);
    const V c = power_plus_one(z2), d = power_plus_one(z3);
    const V ab = a * b, cd = c * d;
    const V numerator = fma(a + b, cd, (c + d) * ab);
    return fma(numerator / (ab * cd), V::all(-0.5f), V::all(1.0f));
  }

  // --- The matrix product

  // out[r][m] = sum over o and i of a[r * a_row + o * outer_step + i] * b[o * kInner + i][m], for
  // kR rows and kC vectors of maps. Rows of b are b_row floats apart, rows of out out_row floats.
  // Never inlined, because with the constants of a caller the sums would not all stay in registers.
  template <int kR, int kC, int kOuter, int kInner>
  __attribute__((noinline)) static void multiply(const float* a, int a_row, int outer_step,
                                                 const float* b, int b_row, float* out,
                                                 int out_row) {
    V sum[kR][kC];
    for (int r = 0; r < kR; ++r)
      for (int c = 0; c < kC; ++c) sum[r][c] = V::zero();
    for (int o = 0; o < kOuter; ++o) {
      for (int i = 0; i < kInner; ++i, b += b_row) {
        // Keeps the compiler from loading values of the next step early; there are no registers for
        // them.
        if constexpr (V::kFewRegisters) asm("" : "+r"(a));
        if constexpr (kR < kC) {
          V value[kR];
          for (int r = 0; r < kR; ++r) value[r] = V::splat(a + r * a_row + i);
          for (int c = 0; c < kC; ++c) {
            const V weight = V::load(b + c * kWidth);
            for (int r = 0; r < kR; ++r) sum[r][c] = fma(value[r], weight, sum[r][c]);
          }
        } else {
          V weight[kC];
          for (int c = 0; c < kC; ++c) weight[c] = V::load(b + c * kWidth);
          for (int r = 0; r < kR; ++r) {
            const V value = V::splat(a + r * a_row + i);
            for (int c = 0; c < kC; ++c) sum[r][c] = fma(value, weight[c], sum[r][c]);
          }
        }
      }
      a += outer_step;
    }
    for (int r = 0; r < kR; ++r)
      for (int c = 0; c < kC; ++c) sum[r][c].store(out + r * out_row + c * kWidth);
  }

  // --- Winograd's F(6, 3)

  // Transforms eight inputs to eight points.
  static void transform_input(const V (&d)[kTilePoints], V (&v)[kTilePoints]) {
    const V q = V::all(5.25f), r = V::all(-4.25f);
    v[0] = fma(d[4] - d[2], q, d[0] - d[6]);
    v[7] = fma(d[3] - d[5], q, d[7] - d[1]);
    const V even1 = fma(d[4], r, d[2] + d[6]), odd1 = fma(d[3], r, d[1] + d[5]);
    v[1] = even1 + odd1;
    v[2] = even1 - odd1;
    const V middle = d[3] * V::all(-2.5f);
    const V even2 = fma(d[2], V::all(0.25f), fma(d[4], V::all(-1.25f), d[6]));
    const V odd2 = fma(d[1], V::all(0.5f), fma(d[5], V::all(2), middle));
    v[3] = even2 + odd2;
    v[4] = even2 - odd2;
    const V even3 = fma(d[2], V::all(4), fma(d[4], V::all(-5), d[6]));
    const V odd3 = fma(d[1], V::all(2), fma(d[5], V::all(0.5f), middle));
    v[5] = even3 + odd3;
    v[6] = even3 - odd3;
  }

  // Transforms eight points to six outputs. A value added to point 1 is added to each output.
  static void transform_output(const V (&m)[kTilePoints], V (&y)[kTileSide]) {
    const V s1 = m[1] + m[2], d1 = m[1] - m[2];
    const V s2 = m[3] + m[4], d2 = m[3] - m[4];
    const V s3 = m[5] + m[6], d3 = m[5] - m[6];
    y[0] = (m[0] + s1) + (s2 + s3);
    y[1] = fma(d2, V::all(2), fma(d3, V::all(0.5f), d1));
    y[2] = fma(s2, V::all(4), fma(s3, V::all(0.25f), s1));
    y[3] = fma(d2, V::all(8), fma(d3, V::all(0.125f), d1));
    y[4] = fma(s2, V::all(16), fma(s3, V::all(0.0625f), s1));
    y[5] = fma(d2, V::all(32), fma(d3, V::all(0.03125f), d1 + m[7]));
  }
};

}  // namespace rppg
