// The convolutions of the face detector's networks, written once for all instruction sets; V is
// described in generic.hpp.
#pragma once

#include "contract.hpp"

namespace rppg {

template <class V>
struct Convolve {
  static constexpr int kWidth = V::kWidth;

  // Adds `length` channels of kR pixels, times their weights. The sums are copied, so that they
  // stay in registers.
  template <int kR, int kC>
  static void add_run(const float* a, int pixel, int length, const float* b, V (&total)[kR][kC]) {
    V sum[kR][kC];
    for (int r = 0; r < kR; ++r)
      for (int c = 0; c < kC; ++c) sum[r][c] = total[r][c];
    for (int i = 0; i < length; ++i, b += kBlock) {
      V weight[kC];
      for (int c = 0; c < kC; ++c) weight[c] = V::load(b + c * kWidth);
      for (int r = 0; r < kR; ++r) {
        const V value = V::splat(a + r * pixel + i);
        for (int c = 0; c < kC; ++c) sum[r][c] = fma(value, weight[c], sum[r][c]);
      }
    }
    for (int r = 0; r < kR; ++r)
      for (int c = 0; c < kC; ++c) total[r][c] = sum[r][c];
  }

  // Computes `kR` output pixels of one block of channels.
  template <int kR>
  static void block_of(const Convolution& layer, const float* const* rows, int x, int block,
                       float* out) {
    constexpr int kC = kBlock / kWidth;
    // Pixels without a gap between them form one run of channels.
    const bool packed = layer.in == layer.in_stride;
    const int runs = packed ? 1 : layer.size, length = packed ? layer.size * layer.in : layer.in;
    const int pixel = layer.in_stride;
    const float* b = layer.weights + block * layer.size * layer.size * layer.in * kBlock;
    V sum[kR][kC];
    for (int r = 0; r < kR; ++r)
      for (int c = 0; c < kC; ++c) sum[r][c] = V::load(layer.bias + block * kBlock + c * kWidth);
    for (int ky = 0; ky < layer.size; ++ky) {
      const float* a = rows[ky] + x * pixel;
      for (int run = 0; run < runs; ++run, a += pixel) {
        add_run(a, pixel, length, b, sum);
        b += length * kBlock;
      }
    }
    for (int r = 0; r < kR; ++r) {
      for (int c = 0; c < kC; ++c) {
        const int channel = block * kBlock + c * kWidth;
        const V above = max(sum[r][c], V::zero());
        fma(V::load(layer.slope + channel), sum[r][c] - above, above)
            .store(out + (x + r) * layer.out + channel);
      }
    }
  }

  // Computes the last pixels of a row, at most kR of them.
  template <int kR>
  static void rest_of(const Convolution& layer, const float* const* rows, int x, int width,
                      int block, float* out) {
    if constexpr (kR > 0) {
      if (width - x == kR)
        block_of<kR>(layer, rows, x, block, out);
      else
        rest_of<kR - 1>(layer, rows, x, width, block, out);
    }
  }

  static void row(const Convolution& layer, const float* const* rows, int width, float* out) {
    constexpr int kR = V::kAcross;
    // The loop over blocks is the outer one, because a block's weights then stay in the cache.
    for (int block = 0; block < layer.out / kBlock; ++block) {
      int x = 0;
      for (; x + kR <= width; x += kR) block_of<kR>(layer, rows, x, block, out);
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
