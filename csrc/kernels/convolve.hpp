// The convolutions of the face detector's networks, written once for all instruction sets; V is
// described in generic.hpp.
#pragma once

#include "contract.hpp"

namespace rppg {

template <class V>
struct Convolve {
  static constexpr int kWidth = V::kWidth;

  static constexpr int kC = kBlock / kWidth;  // vectors in a block of channels

  // Blocks of channels that are computed together for few pixels. Sums that do not depend on each
  // other are added in the time in which a single sum would wait for itself.
  static constexpr int blocks_together(int pixels) {
    const int most = (V::kFewRegisters ? 12 : 16) / (pixels * kC);
    return most >= 8 ? 8 : most >= 4 ? 4 : most >= 2 ? 2 : 1;
  }

  // Adds `length` channels of kR pixels, times their weights; `b_block` floats are between the
  // weights of two blocks. The sums are copied, so that they stay in registers.
  template <int kB, int kR>
  static void add_run(const float* a, int pixel, int length, const float* b, int b_block,
                      V (&total)[kB][kR][kC]) {
    V sum[kB][kR][kC];
    for (int n = 0; n < kB; ++n)
      for (int r = 0; r < kR; ++r)
        for (int c = 0; c < kC; ++c) sum[n][r][c] = total[n][r][c];
    for (int i = 0; i < length; ++i, b += kBlock) {
      for (int n = 0; n < kB; ++n) {
        V weight[kC];
        for (int c = 0; c < kC; ++c) weight[c] = V::load(b + n * b_block + c * kWidth);
        for (int r = 0; r < kR; ++r) {
          const V value = V::splat(a + r * pixel + i);
          for (int c = 0; c < kC; ++c) sum[n][r][c] = fma(value, weight[c], sum[n][r][c]);
        }
      }
    }
    for (int n = 0; n < kB; ++n)
      for (int r = 0; r < kR; ++r)
        for (int c = 0; c < kC; ++c) total[n][r][c] = sum[n][r][c];
  }

  // Computes `kR` output pixels of `kB` blocks of channels.
  template <int kB, int kR>
  static void blocks_of(const Convolution& layer, const float* const* rows, int x, int block,
                        float* out) {
    // Pixels without a gap between them form one run of channels.
    const bool packed = layer.in == layer.in_stride;
    const int runs = packed ? 1 : layer.size, length = packed ? layer.size * layer.in : layer.in;
    const int pixel = layer.in_stride, b_block = layer.size * layer.size * layer.in * kBlock;
    const float* b = layer.weights + block * b_block;
    V sum[kB][kR][kC];
    for (int n = 0; n < kB; ++n)
      for (int r = 0; r < kR; ++r)
        for (int c = 0; c < kC; ++c)
          sum[n][r][c] = V::load(layer.bias + (block + n) * kBlock + c * kWidth);
    for (int ky = 0; ky < layer.size; ++ky) {
      const float* a = rows[ky] + x * pixel;
      for (int run = 0; run < runs; ++run, a += pixel) {
        add_run(a, pixel, length, b, b_block, sum);
        b += length * kBlock;
      }
    }
    for (int n = 0; n < kB; ++n) {
      for (int r = 0; r < kR; ++r) {
        for (int c = 0; c < kC; ++c) {
          const int channel = (block + n) * kBlock + c * kWidth;
          const V above = max(sum[n][r][c], V::zero());
          fma(V::load(layer.slope + channel), sum[n][r][c] - above, above)
              .store(out + (x + r) * layer.out + channel);
        }
      }
    }
  }

  // Computes the last pixels of a row, at most kR of them.
  template <int kR>
  static void rest_of(const Convolution& layer, const float* const* rows, int x, int width,
                      int block, float* out) {
    if constexpr (kR > 0) {
      if (width - x == kR)
        blocks_of<1, kR>(layer, rows, x, block, out);
      else
        rest_of<kR - 1>(layer, rows, x, width, block, out);
    }
  }

  // Computes a row of at most kR pixels.
  template <int kR>
  static void short_row(const Convolution& layer, const float* const* rows, int width, float* out) {
    if constexpr (kR > 0) {
      if (width < kR) return short_row<kR - 1>(layer, rows, width, out);
      constexpr int kB = blocks_together(kR);
      const int blocks = layer.out / kBlock;
      int block = 0;
      for (; block + kB <= blocks; block += kB) blocks_of<kB, kR>(layer, rows, 0, block, out);
      for (; block < blocks; ++block) blocks_of<1, kR>(layer, rows, 0, block, out);
    }
  }

  static void row(const Convolution& layer, const float* const* rows, int width, float* out) {
    constexpr int kR = V::kAcross;
    if (width < kR) return short_row<kR - 1>(layer, rows, width, out);
    // The loop over blocks is the outer one, because a block's weights then stay in the cache.
    for (int block = 0; block < layer.out / kBlock; ++block) {
      int x = 0;
      for (; x + kR <= width; x += kR) blocks_of<1, kR>(layer, rows, x, block, out);
      rest_of<kR - 1>(layer, rows, x, width, block, out);
    }
  }

  static void pool(const float* const* rows, int count, int size, int in_width, int channels,
                   int width, float* out) {
    for (int x = 0; x < width; ++x) {
      const int first = 2 * x, last = first + size < in_width ? first + size : in_width;
      for (int channel = 0; channel < channels; channel += kWidth) {
        V most = V::load(rows[0] + first * channels + channel);
        for (int row = 0; row < count; ++row)
          for (int column = first; column < last; ++column)
            most = max(most, V::load(rows[row] + column * channels + channel));
        most.store(out + x * channels + channel);
      }
    }
  }
};

}  // namespace rppg
