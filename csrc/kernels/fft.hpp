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
  // What a pass finds in its blocks, of which the first lies at `real` and `imaginary`.
  struct Blocks {
    const double *real, *imaginary;
    std::size_t span;
    double re(std::size_t block, std::size_t k) const { return real[block * span + k]; }
    double im(std::size_t block, std::size_t k) const { return imaginary[block * span + k]; }
  };
  // As it is before the first pass that does more than to repeat what is followed by zeros.
  struct Repeated {
    double real[4], imaginary[4];
    double re(std::size_t block, std::size_t) const { return real[block]; }
    double im(std::size_t block, std::size_t) const { return imaginary[block]; }
  };

  // One pair of blocks of a pass: (a, b) -> (a + w b, a - w b).
  template <class In>
  static void butterflies(std::size_t span, const double* cosine, const double* sine, In in,
                          double* real, double* imaginary) {
    RPPG_INDEPENDENT
    for (std::size_t k = 0; k < span; ++k) {
      const double re = cosine[k] * in.re(1, k) - sine[k] * in.im(1, k);
      const double im = cosine[k] * in.im(1, k) + sine[k] * in.re(1, k);
      const double first_re = in.re(0, k), first_im = in.im(0, k);
      real[k + span] = first_re - re;
      imaginary[k + span] = first_im - im;
      real[k] = first_re + re;
      imaginary[k] = first_im + im;
    }
  }

  // The passes of `span` and 2 * span on four blocks at once: half the trips to memory. Factors of
  // the second pass's upper half are those of the lower half, turned by a quarter.
  template <class In>
  static void double_butterflies(std::size_t span, const double* cosine, const double* sine, In in,
                                 double* real, double* imaginary) {
    const double *const cosine2 = cosine + span, *const sine2 = sine + span;  // of the second pass
    double *const real1 = real + span, *const real2 = real1 + span, *const real3 = real2 + span;
    double* const imaginary1 = imaginary + span;
    double* const imaginary2 = imaginary1 + span;
    double* const imaginary3 = imaginary2 + span;
    RPPG_INDEPENDENT
    for (std::size_t k = 0; k < span; ++k) {
      const double re1 = cosine[k] * in.re(1, k) - sine[k] * in.im(1, k);
      const double im1 = cosine[k] * in.im(1, k) + sine[k] * in.re(1, k);
      const double re3 = cosine[k] * in.re(3, k) - sine[k] * in.im(3, k);
      const double im3 = cosine[k] * in.im(3, k) + sine[k] * in.re(3, k);
      const double sum_re = in.re(0, k) + re1, sum_im = in.im(0, k) + im1;
      const double difference_re = in.re(0, k) - re1, difference_im = in.im(0, k) - im1;
      const double even_re = in.re(2, k) + re3, even_im = in.im(2, k) + im3;
      const double odd_re = in.re(2, k) - re3, odd_im = in.im(2, k) - im3;
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

  // All passes on `size` values, of which each one that is given stands for `span`. A block is done
  // with before the next one begins, lest it leave the cache in between.
  static void transform(const FftTables& tables, const double* given_real,
                        const double* given_imaginary, std::size_t span, std::size_t size,
                        double* real, double* imaginary) {
    constexpr std::size_t kPowersOfFour = 0x55555555;
    const std::size_t blocks = size / span & kPowersOfFour ? 4 : 2, part = size / blocks;
    const auto pass = [&](auto in) {
      const double *cosine = tables.pass_cosine + part - 1, *sine = tables.pass_sine + part - 1;
      if (blocks == 4)
        double_butterflies(part, cosine, sine, in, real, imaginary);
      else
        butterflies(part, cosine, sine, in, real, imaginary);
    };
    if (part == span) {
      Repeated in{};
      for (std::size_t i = 0; i < blocks; ++i) {
        in.real[i] = given_real[i];
        in.imaginary[i] = given_imaginary[i];
      }
      return pass(in);
    }
    for (std::size_t at = 0; at < size; at += part)
      transform(tables, given_real + at / span, given_imaginary + at / span, span, part, real + at,
                imaginary + at);
    pass(Blocks{real, imaginary, part});
  }

  static void power(const FftTables& tables, std::size_t given, const double* given_real,
                    const double* given_imaginary, double* real, double* imaginary, double* power,
                    std::size_t bins) {
    transform(tables, given_real, given_imaginary, tables.half / given, tables.half, real,
              imaginary);
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
