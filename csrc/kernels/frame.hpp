// The kernels that read a frame: sums of rows of bytes, their averages, and the motion between two
// appearances. Written once for all instruction sets; V is described in generic.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "contract.hpp"
#include "float4.hpp"

namespace rppg {

template <class V>
struct FrameKernels {
  static constexpr int kWidth = V::kWidth;

  static constexpr int kInWords = 4;  // vectors of floats in one V::Words

  // Computes `kCount` neighbouring groups together, so that their additions overlap in time.
  template <int kCount>
  static void sum_rows_chunk(const std::uint8_t* first, std::ptrdiff_t stride,
                             const PixelSpan& span, float* sum) {
    using Words = typename V::Words;
    constexpr int kStep = kInWords * kWidth;
    constexpr int kCacheLine = 64;  // bytes, on most processors
    constexpr int kMost = 257;      // number of rows of bytes whose sum fits 16 bits
    const int rows = span.last - span.first;
    V total[kCount][kInWords], more[kInWords];
    Words words[kCount];
    const auto add_rows = [&](int begin) {
      const int end = begin + kMost < rows ? begin + kMost : rows;
      const std::uint8_t* from = first + begin * stride;
      for (Words& each : words) each = Words::zero();
      for (int row = begin; row < end; ++row, from += stride) {
        // Prefetches the rows of the next output row into the second-level cache; the first-level
        // cache has no room for them.
        for (int i = 0; i < kCount * kStep; i += kCacheLine)
          __builtin_prefetch(from + rows * stride + i, 0, 2);
        for (int i = 0; i < kCount; ++i) words[i].add(from + i * kStep);
      }
    };
    add_rows(1);
    for (int i = 0; i < kCount; ++i) words[i].floats(total[i]);
    for (int row = 1 + kMost; row < rows; row += kMost) {
      add_rows(row);
      for (int i = 0; i < kCount; ++i) {
        words[i].floats(more);
        for (int k = 0; k < kInWords; ++k) total[i][k] = total[i][k] + more[k];
      }
    }
    const float part = 1.0f / static_cast<float>(span.parts);
    const std::uint8_t* const last = first + rows * stride;
    for (int i = 0; i < kCount; ++i) {
      Words parts = Words::zero();
      parts.add_times(first + i * kStep, span.first_parts);
      if (rows > 0) parts.add_times(last + i * kStep, span.last_parts);
      parts.floats(more);
      for (int k = 0; k < kInWords; ++k)
        fma(more[k], V::splat(&part), total[i][k]).store(sum + i * kStep + k * kWidth);
    }
  }

  static void sum_rows(const std::uint8_t* first, std::ptrdiff_t stride, const PixelSpan& span,
                       int count, float* sum) {
    constexpr int kStep = kInWords * kWidth, kMany = V::kWordsAtOnce;
    int i = 0;
    const auto chunk = [&](auto many) {
      constexpr int kCount = decltype(many)::value;
      sum_rows_chunk<kCount>(first + i, stride, span, sum + i);
      i += kCount * kStep;
    };
    while (i + kMany * kStep <= count) chunk(Constant<kMany>());
    while (i + kStep <= count) chunk(Constant<1>());
    if (i == count) return;
    if (count >= kStep) {
      i = count - kStep;  // recomputes some sums that are already there
      return chunk(Constant<1>());
    }
    const int rows = span.last - span.first;
    for (; i < count; ++i) {
      int whole = 0, parts = span.first_parts * first[i];
      for (int row = 1; row < rows; ++row) whole += first[i + row * stride];
      if (rows > 0) parts += span.last_parts * first[i + rows * stride];
      sum[i] =
          static_cast<float>(whole) + static_cast<float>(parts) / static_cast<float>(span.parts);
    }
  }

  static void average(const float* sums, const ColumnWeights& columns, float scale,
                      float* const* planes) {
    static_assert(kFloat4 == kColors + 1, "a pixel is a vector, whose last value is not used");
    for (int x = 0; x < kSide; ++x) {
      const auto& [first, shares] = columns.pixels[x];
      const float* pixel = sums + first * kColors;
      const float* const last = pixel + (columns.whole + 1) * kColors;
      Float4 even = shares[0] * load(pixel) + shares[1] * load(last);
      Float4 odd =
          shares[2] * load(last + kColors);  // a second sum, so that additions overlap in time
      for (pixel += kColors; pixel + kColors < last; pixel += 2 * kColors) {
        odd += load(pixel);
        even += load(pixel + kColors);
      }
      if (pixel < last) odd += load(pixel);
      const Float4 mean = scale * (even + odd);
      for (int c = 0; c < kColors; ++c) planes[c][x] = mean[c];
    }
  }

  static V motion(V a, V b) {
    const V ratio = (b - a) / (a + b + V::all(kMotionOffset));
    return clamp(ratio, V::all(-kMotionLimit), V::all(kMotionLimit)) * V::all(kMotionGain);
  }

  static void motion(const float* a, const float* b, std::ptrdiff_t count, float* out) {
    std::ptrdiff_t i = 0;
    for (; i + kWidth <= count; i += kWidth) motion(V::load(a + i), V::load(b + i)).store(out + i);
    if (i == count) return;
    float rest[3][kWidth] = {};
    for (std::ptrdiff_t k = i; k < count; ++k) {
      rest[0][k - i] = a[k];
      rest[1][k - i] = b[k];
    }
    motion(V::load(rest[0]), V::load(rest[1])).store(rest[2]);
    for (std::ptrdiff_t k = i; k < count; ++k) out[k] = rest[2][k - i];
  }

 private:
  template <int kValue>
  struct Constant {
    static constexpr int value = kValue;
  };
};

}  // namespace rppg
