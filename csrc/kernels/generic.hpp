// The kernels, written once for all instruction sets. `V` is a vector of floats, defined by the
// backend's own file; since that type has internal linkage there, so has all that is made from it,
// and code for one processor never ends up in the program of another.
//
// What a backend's V gives:
//   V::kWidth                    floats in a vector: 4, 8 or 16
//   V::kFewRegisters             16, not 32
//   V::kRows, V::kColumns        accumulators of the second convolution's product, and
//   V::kColumns1                 those of the first one's: as many as the registers hold
//   V::kWordsAtOnce              of V::Words, likewise
//   V::kAcross                   pixels of `convolve` at a time, of a block of channels: likewise
//   V::kWitnessVectors           of a row of witnesses: likewise
//   load, store, splat           from, to and of floats; `splat(p)` repeats *p
//   +, -, *, /, fma(a, b, c)     a * b + c
//   clamp(x, low, high)          of a NaN: that NaN
//   max(a, b)
//   power_of_two(x)              of x + 1.5 * 2^23 + 127, a vector whose integer stands in the bits
//   V::Words                     4 * kWidth unsigned 16-bit sums: zero; add, add_times (of bytes);
//   floats
#pragma once

#include "contract.hpp"
#include "convolve.hpp"
#include "fft.hpp"
#include "frame.hpp"
#include "student.hpp"

namespace rppg {

template <class V>
struct Generic {
  static constexpr int kWidth = V::kWidth;
  static_assert(kBlock % kWidth == 0, "a block holds whole vectors");

  static void correlate(const float* rows, int count, const float* real, const float* imaginary,
                        float* sums) {
    constexpr int kAtOnce = V::kWitnessVectors, kStep = kAtOnce * kWidth;
    constexpr int kSteps = (kWitnessValues + kStep - 1) / kStep;
    static_assert(kSteps * kStep <= kWitnessRow, "vectors stay in a row");
    for (int k = 0; k < kSteps * kStep; k += kStep) {
      V sum[2][kAtOnce];
      for (int i = 0; i < kAtOnce; ++i)
        for (int s = 0; s < 2; ++s) sum[s][i] = V::load(sums + s * kWitnessRow + k + i * kWidth);
      for (int row = 0; row < count; ++row) {
        const V re = V::splat(real + row), im = V::splat(imaginary + row);
        for (int i = 0; i < kAtOnce; ++i) {
          const V value = V::load(rows + row * kWitnessRow + k + i * kWidth);
          sum[0][i] = fma(value, re, sum[0][i]);
          sum[1][i] = fma(value, im, sum[1][i]);
        }
      }
      for (int i = 0; i < kAtOnce; ++i)
        for (int s = 0; s < 2; ++s) sum[s][i].store(sums + s * kWitnessRow + k + i * kWidth);
    }
  }

  // The table of a backend, which may have a student of its own.
  static constexpr Kernels kernels(const char* name,
                                   decltype(Kernels::change) change = StudentKernels<V>::change) {
    using Frame = FrameKernels<V>;
    return {name,      Frame::sum_rows, Frame::average,   Frame::motion,    change,
            correlate, Fft<V>::power,   Convolve<V>::row, Convolve<V>::pool};
  }
};

}  // namespace rppg
