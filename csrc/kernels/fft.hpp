// The passes of a fast Fourier transform, as plain loops: every backend's file is compiled for its
// own processors, and the compiler makes vectors of them. `V` is the backend's vector, which is
// only here for its name: see body.hpp.
#pragma once

#include <cstddef>

#include "kernels.hpp"

// The neighbours of one pass: the loops below go over blocks that never overlap.
#if defined(__clang__)
#define RPPG_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define RPPG_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace rppg {

template <class V>
struct Fft {
  // One pair of blocks of a pass: (a, b) -> (a + w b, a - w b).
  static void butterflies(std::size_t span, const double* cosine, const double* sine, double* real,
                          double* imaginary) {
    double* const upper_real = real + span;
    double* const upper_imaginary = imaginary + span;
    RPPG_INDEPENDENT
    for (std::size_t k = 0; k < span; ++k) {
      const double re = cosine[k] * upper_real[k] - sine[k] * upper_imaginary[k];
      const double im = cosine[k] * upper_imaginary[k] + sine[k] * upper_real[k];
      upper_real[k] = real[k] - re;
      upper_imaginary[k] = imaginary[k] - im;
      real[k] += re;
      imaginary[k] += im;
    }
  }

  // The passes of `span` and 2 * span on four blocks at once: half the trips to memory. Factors of
  // the second pass's upper half are those of the lower half, turned by a quarter.
  static void double_butterflies(std::size_t span, const double* cosine, const double* sine,
                                 double* real, double* imaginary) {
    const double *const cosine2 = cosine + span, *const sine2 = sine + span;  // of the second pass
    double *const real1 = real + span, *const real2 = real1 + span, *const real3 = real2 + span;
    double* const imaginary1 = imaginary + span;
    double* const imaginary2 = imaginary1 + span;
    double* const imaginary3 = imaginary2 + span;
    RPPG_INDEPENDENT
    for (std::size_t k = 0; k < span; ++k) {
      const double re1 = cosine[k] * real1[k] - sine[k] * imaginary1[k];
      const double im1 = cosine[k] * imaginary1[k] + sine[k] * real1[k];
      const double re3 = cosine[k] * real3[k] - sine[k] * imaginary3[k];
      const double im3 = cosine[k] * imaginary3[k] + sine[k] * real3[k];
      const double sum_re = real[k] + re1, sum_im = imaginary[k] + im1;
      const double difference_re = real[k] - re1, difference_im = imaginary[k] - im1;
      const double even_re = real2[k] + re3, even_im = imaginary2[k] + im3;
      const double odd_re = real2[k] - re3, odd_im = imaginary2[k] - im3;
      const double low_re = cosine2[k] * even_re - sine2[k] * even_im;
      const double low_im = cosine2[k] * even_im + sine2[k] * even_re;
      const double high_re = cosine2[k] * odd_im + sine2[k] * odd_re;
      const double high_im = sine2[k] * odd_im - cosine2[k] * odd_re;
      real[k] = sum_re + low_re;
      imaginary[k] = sum_im + low_im;
      real2[k] = sum_re - low_re;
      imaginary2[k] = sum_im - low_im;
      real1[k] = difference_re + high_re;
      imaginary1[k] = difference_im + high_im;
      real3[k] = difference_re - high_re;
      imaginary3[k] = difference_im - high_im;
    }
  }

  static void power(const FftTables& tables, std::size_t span, double* real, double* imaginary,
                    double* power, std::size_t bins) {
    const std::size_t half = tables.half;
    const auto pass = [&](std::size_t width, auto&& run) {
      const double *cosine = tables.pass_cosine + span - 1, *sine = tables.pass_sine + span - 1;
      for (std::size_t block = 0; block < half; block += width * span)
        run(span, cosine, sine, real + block, imaginary + block);
      span *= width;
    };
    while (4 * span <= half) pass(4, double_butterflies);
    if (span < half) pass(2, butterflies);
    untangle(tables, real, imaginary, power, bins);
  }

  // Two transforms of half the length, in one, -> the transform of the whole.
  static void untangle(const FftTables& tables, const double* real, const double* imaginary,
                       double* power, std::size_t bins) {
    const std::size_t half = tables.half;
    const double sum = real[0] + imaginary[0], difference = real[0] - imaginary[0];
    power[0] = sum * sum;
    if (bins > half) power[half] = difference * difference;
    const double *mirror_real = real + half, *mirror_imaginary = imaginary + half;
    const double *cosine = tables.cosine, *sine = tables.sine;
    const auto end = static_cast<std::ptrdiff_t>(bins < half ? bins : half);
    RPPG_INDEPENDENT
    for (std::ptrdiff_t k = 1; k < end; ++k) {
      const double even_re = 0.5 * (real[k] + mirror_real[-k]);
      const double even_im = 0.5 * (imaginary[k] - mirror_imaginary[-k]);
      const double odd_re = 0.5 * (imaginary[k] + mirror_imaginary[-k]);
      const double odd_im = 0.5 * (mirror_real[-k] - real[k]);
      const double re = even_re + cosine[k] * odd_re - sine[k] * odd_im;
      const double im = even_im + cosine[k] * odd_im + sine[k] * odd_re;
      power[k] = re * re + im * im;
    }
  }
};

}  // namespace rppg

#undef RPPG_INDEPENDENT
