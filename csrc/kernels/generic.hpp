// The kernels, written once for all instruction sets. `V` is a vector of floats that the backend's
// own file defines. V has internal linkage there, and so has everything instantiated with it.
// Therefore code for one instruction set never replaces the same function of another backend at
// link time.
//
// What a backend's V provides:
//   V::kWidth                    floats in a vector: 4, 8 or 16
//   V::kFewRegisters             true for 16 vector registers, false for 32
//   V::kRows, V::kColumns        accumulators of the matrix product of the second convolution
//   V::kColumns1                 accumulators of the matrix product of the first convolution
//   V::kWordsAtOnce              accumulators of type V::Words
//   V::kAcross                   pixels that `convolve` computes at a time, for a block of channels
//   V::kRegionVectors            vectors of a row of region signals computed at a time
//                                (all of these as many as the registers hold)
//   load, store, splat           from memory, to memory; `splat(p)` repeats *p
//   +, -, *, /, fma(a, b, c)     a * b + c
//   clamp(x, low, high)          a NaN in x stays NaN
//   max(a, b)
//   power_of_two(x)              x is n + 1.5 * 2^23 + 127: the low bits of x hold the exponent
//   V::Words                     4 * kWidth unsigned 16-bit sums: zero, add (bytes), add_times
//                                (bytes times a factor), floats (converts to four V)
#pragma once

#include "cells.hpp"
#include "contract.hpp"
#include "convolve.hpp"
#include "convolve_tiles.hpp"
#include "fft.hpp"
#include "frame.hpp"
#include "pixels.hpp"
#include "student.hpp"
#include "teacher.hpp"

namespace rppg {

template <class V>
struct Generic {
  static constexpr int kWidth = V::kWidth;
  static_assert(kBlock % kWidth == 0, "a block holds whole vectors");

  static void correlate(const float* rows, int count, const float* real, const float* imaginary,
                        float* sums) {
    constexpr int kAtOnce = V::kRegionVectors, kStep = kAtOnce * kWidth;
    constexpr int kSteps = (kRegionValues + kStep - 1) / kStep;
    static_assert(kSteps * kStep <= kRegionRow, "vectors stay in a row");
    for (int k = 0; k < kSteps * kStep; k += kStep) {
      V sum[2][kAtOnce];
      for (int i = 0; i < kAtOnce; ++i)
        for (int s = 0; s < 2; ++s) sum[s][i] = V::load(sums + s * kRegionRow + k + i * kWidth);
      for (int row = 0; row < count; ++row) {
        const V re = V::splat(real + row), im = V::splat(imaginary + row);
        for (int i = 0; i < kAtOnce; ++i) {
          const V value = V::load(rows + row * kRegionRow + k + i * kWidth);
          sum[0][i] = fma(value, re, sum[0][i]);
          sum[1][i] = fma(value, im, sum[1][i]);
        }
      }
      for (int i = 0; i < kAtOnce; ++i)
        for (int s = 0; s < 2; ++s) sum[s][i].store(sums + s * kRegionRow + k + i * kWidth);
    }
  }

  // Null in a build without the teacher.
  static constexpr decltype(Kernels::predict_teacher) teacher() {
    if constexpr (kHasTeacher)
      return TeacherKernels<V>::predict;
    else
      return nullptr;
  }

  // The table of a backend. A backend may pass its own implementation of the student network.
  static constexpr Kernels kernels(
      const char* name, decltype(Kernels::predict_student) predict = StudentKernels<V>::predict) {
    using Frame = FrameKernels<V>;
    return {name,
            PixelKernels<V>::to_bytes,
            Frame::sum_rows,
            Frame::average,
            Frame::motion,
            predict,
            teacher(),
            correlate,
            Fft<V>::power,
            Convolve<V>::row,
            ConvolveTiles<V>::rows,
            CellKernels<V>::convolve,
            Convolve<V>::pool};
  }
};

}  // namespace rppg
