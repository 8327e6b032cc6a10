// A fast Fourier transform of samples that are padded with many zeros, on vectors of doubles. `V`
// is the backend's vector (see generic.hpp); it gives the width, and makes the type unique to the
// backend.
//
// The transform of kFftLanes * points complex values z is
//   Z[kFftLanes m + r] = sum over n of (z[n] exp(-2 pi i r n / half)) exp(-2 pi i m n / points),
// which is, for each lane r, a transform of `points` values; values z[n] with n >= points are added
// to those at n modulo points. The lanes differ only in the first factor, and the result is in
// order.
#pragma once

#include <cstddef>
#include <cstring>

#include "contract.hpp"

// Tells the compiler that iterations are independent: the loop below reads nothing that it writes.
#if defined(__clang__)
#define RPPG_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define RPPG_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace rppg {

// A vector of kCount doubles. Written out because gcc rejects a vector_size that depends on a
// template argument.
template <std::size_t kCount>
struct DoublesOf;
template <>
struct DoublesOf<2> {
  using Type = double __attribute__((vector_size(16)));
};
template <>
struct DoublesOf<4> {
  using Type = double __attribute__((vector_size(32)));
};
template <>
struct DoublesOf<8> {
  using Type = double __attribute__((vector_size(64)));
};

template <class V>
struct Fft {
  static constexpr std::size_t kDoubles = V::kWidth / 2;
  static_assert(kFftLanes % kDoubles == 0, "lanes are whole vectors");
  using Doubles = typename DoublesOf<kDoubles>::Type;

  struct Complexes {
    Doubles re, im;
    friend Complexes operator+(Complexes a, Complexes b) { return {a.re + b.re, a.im + b.im}; }
    friend Complexes operator-(Complexes a, Complexes b) { return {a.re - b.re, a.im - b.im}; }
  };

  static Doubles load(const double* from) {
    Doubles out;
    std::memcpy(&out, from, sizeof out);
    return out;
  }
  static Complexes load(const double* real, const double* imaginary, std::size_t at) {
    return {load(real + at), load(imaginary + at)};
  }
  static void store(Complexes value, double* real, double* imaginary, std::size_t at) {
    std::memcpy(real + at, &value.re, sizeof value.re);
    std::memcpy(imaginary + at, &value.im, sizeof value.im);
  }

  struct Task {
    const FftTables& tables;
    const double* samples;
    std::size_t pairs;
  };

  // The sum of the input values n, n + points, ..., times their factors, for the lanes from `lane`
  // on.
  static Complexes given(const Task& task, std::size_t n, std::size_t lane) {
    Complexes sum{};
    for (; n < task.pairs; n += task.tables.points) {
      const double re = task.samples[2 * n], im = task.samples[2 * n + 1];
      const Doubles cosine = load(task.tables.lane_cosine[n].values + lane);
      const Doubles sine = load(task.tables.lane_sine[n].values + lane);
      sum = sum + Complexes{re * cosine - im * sine, re * sine + im * cosine};
    }
    return sum;
  }

  static Complexes times(Complexes value, double cosine, double sine) {
    return {cosine * value.re - sine * value.im, cosine * value.im + sine * value.re};
  }

  // The last step of two passes on four values that are already multiplied by their factors: a and
  // b of the first pass, and `even` and `odd`, the sum and the difference of the other two values.
  static void join(Complexes a, Complexes b, Complexes even, Complexes odd, Complexes (&out)[4]) {
    const Complexes sum = a + b, difference = a - b, turned{odd.im, -odd.re};
    out[0] = sum + even;
    out[1] = difference + turned;
    out[2] = sum - even;
    out[3] = difference - turned;
  }

  // The first passes, on 1, 2 or 4 values with the given indices.
  static void begin(const Task& task, const std::size_t* indices, std::size_t size, double* real,
                    double* imaginary) {
    for (std::size_t lane = 0; lane < kFftLanes; lane += kDoubles) {
      const auto value = [&](std::size_t i) { return given(task, indices[i], lane); };
      const auto put = [&](Complexes each, std::size_t i) {
        store(each, real, imaginary, i * kFftLanes + lane);
      };
      const Complexes a = value(0);
      if (size == 1) {
        put(a, 0);
        continue;
      }
      const Complexes b = value(1);
      if (size == 2) {
        put(a + b, 0);
        put(a - b, 1);
        continue;
      }
      const Complexes c = value(2), d = value(3);
      Complexes out[4];
      join(a, b, c + d, c - d, out);
      for (std::size_t i = 0; i < 4; ++i) put(out[i], i);
    }
  }

  // All passes on `size` values. Recursive: a quarter is completed before the next one starts, so
  // that it stays in the cache.
  static void transform(const Task& task, const std::size_t* indices, std::size_t size,
                        double* real, double* imaginary) {
    if (size <= 4) return begin(task, indices, size, real, imaginary);
    const std::size_t span = size / 4, part = span * kFftLanes;
    for (std::size_t i = 0; i < 4; ++i)
      transform(task, indices + i * span, span, real + i * part, imaginary + i * part);
    const std::size_t step = task.tables.points / size;
    const double *const cosines = task.tables.cosine, *const sines = task.tables.sine;
    for (std::size_t k = 0; k < span; ++k) {
      const double cosine = cosines[2 * k * step], sine = sines[2 * k * step];
      const double cosine2 = cosines[k * step], sine2 = sines[k * step];
      for (std::size_t lane = 0; lane < kFftLanes; lane += kDoubles) {
        const std::size_t at = k * kFftLanes + lane;
        const Complexes a = load(real, imaginary, at);
        const Complexes b = times(load(real, imaginary, at + part), cosine, sine);
        const Complexes c = load(real, imaginary, at + 2 * part);
        const Complexes d = times(load(real, imaginary, at + 3 * part), cosine, sine);
        Complexes out[4];
        join(a, b, times(c + d, cosine2, sine2), times(c - d, cosine2, sine2), out);
        for (std::size_t i = 0; i < 4; ++i) store(out[i], real, imaginary, at + i * part);
      }
    }
  }

  static void power(const FftTables& tables, const double* samples, std::size_t pairs, FftRow* real,
                    FftRow* imaginary, double* power, std::size_t bins) {
    transform({tables, samples, pairs}, tables.reversed, tables.points, real->values,
              imaginary->values);
    untangle(tables, real->values, imaginary->values, power, bins);
  }

  // Computes the power spectrum of the real samples from the transform of their pairs, which holds
  // the transforms of the even and of the odd samples.
  static void untangle(const FftTables& tables, const double* real, const double* imaginary,
                       double* power, std::size_t bins) {
    const std::size_t half = kFftLanes * tables.points;
    const double sum = real[0] + imaginary[0], difference = real[0] - imaginary[0];
    power[0] = sum * sum;
    if (bins > half) power[half] = difference * difference;
    const double *mirror_real = real + half, *mirror_imaginary = imaginary + half;
    const double *cosine = tables.untangle_cosine, *sine = tables.untangle_sine;
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
