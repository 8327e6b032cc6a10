// tanh, of single values and of pooling cells. The arguments are already multiplied by 2 log2(e),
// so that tanh(x) = 1 - 2 / (2^z + 1). The four quotients of a pooling cell share one division.
// Written once for all instruction sets; V is described in generic.hpp.
#pragma once

namespace rppg {

template <class V>
struct Tanh {
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

  static V tanh(V z) { return fma(V::all(-2.0f) / power_plus_one(z), V::all(1.0f), V::all(1.0f)); }

  // Replaces the four values of a pooling cell by their tanh.
  static void tanh_cell(V (&z)[4]) {
    const V one = V::all(1.0f);
    const V a = power_plus_one(z[0]), b = power_plus_one(z[1]);
    const V c = power_plus_one(z[2]), d = power_plus_one(z[3]);
    const V ab = a * b, cd = c * d;
    const V quotient = V::all(-2.0f) / (ab * cd);
    const V of_ab = quotient * cd, of_cd = quotient * ab;
    z[0] = fma(of_ab, b, one);
    z[1] = fma(of_ab, a, one);
    z[2] = fma(of_cd, d, one);
    z[3] = fma(of_cd, c, one);
  }

  // The mean of tanh over a pooling cell.
  static V tanh_mean(V z0, V z1, V z2, V z3) {
    const V a = power_plus_one(z0), b = power_plus_one(z1);
    const V c = power_plus_one(z2), d = power_plus_one(z3);
    const V ab = a * b, cd = c * d;
    const V numerator = fma(a + b, cd, (c + d) * ab);
    return fma(numerator / (ab * cd), V::all(-0.5f), V::all(1.0f));
  }

  // The weighted sum of tanh over a pooling cell.
  static V tanh_sum(const V (&z)[4], const V (&weight)[4]) {
    const V a = power_plus_one(z[0]), b = power_plus_one(z[1]);
    const V c = power_plus_one(z[2]), d = power_plus_one(z[3]);
    const V ab = a * b, cd = c * d;
    const V upper = fma(weight[0], b, weight[1] * a), lower = fma(weight[2], d, weight[3] * c);
    const V numerator = fma(upper, cd, lower * ab);
    const V weights = (weight[0] + weight[1]) + (weight[2] + weight[3]);
    return fma(numerator / (ab * cd), V::all(-2.0f), weights);
  }
};

}  // namespace rppg
