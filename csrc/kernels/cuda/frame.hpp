// From an 8-bit frame to its appearance and the motion since the frame before. This is a program of
// a thread block like those of student.hpp, C++14. One warp computes one of the 36x36 pixels.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../pixel_span.hpp"
#include "../shape.hpp"
#include "device.hpp"

namespace rppg {
namespace cuda {

// The pixels of a box. Strides are in bytes and may be negative.
struct Crop {
  const uint8_t* corner;
  int width, height;
  ptrdiff_t row_stride, pixel_stride, channel_stride;
  bool blue_first;
  float scale;  // from a sum of bytes to a mean in [0, 1]
};

struct Frame {
  static constexpr int kPixelsAtOnce = 4;
  static constexpr int kThreads = kPixelsAtOnce * kWarp;
  static constexpr int kBlocks = kSide * kSide / kPixelsAtOnce;
  static constexpr int kAcross = 8,
                       kDown = kWarp / kAcross;  // pixels of the crop that a warp reads at a time

  struct Shared {
    float sums[kPixelsAtOnce * kColors][kWarp + 1];  // one more float a row avoids bank conflicts
  };
  struct Registers {};

  static RPPG_DEVICE float share(const PixelSpan& cover, int i) {
    return i == cover.first ? cover.first_share() : i == cover.last ? cover.last_share() : 1.0f;
  }

  // Without a previous appearance the motion is zero.
  template <class Block>
  static RPPG_DEVICE void run(Block& block, Shared& s, int index, const Crop& crop,
                              const float* previous, bool normalized, float* appearance,
                              float* motion) {
    block.each([&](int thread, Registers&) {
      const int warp = thread / kWarp, lane = thread % kWarp;
      const int pixel = index * kPixelsAtOnce + warp;
      const PixelSpan rows = pixel_span(pixel / kSide, crop.height);
      const PixelSpan columns = pixel_span(pixel % kSide, crop.width);
      float sums[kColors] = {};
      for (int y = rows.first + lane / kAcross; y <= rows.last; y += kDown) {
        const uint8_t* const row = crop.corner + y * crop.row_stride;
        for (int x = columns.first + lane % kAcross; x <= columns.last; x += kAcross) {
          const uint8_t* const at = row + x * crop.pixel_stride;
          const float weight = share(rows, y) * share(columns, x);
          RPPG_UNROLL
          for (int c = 0; c < kColors; ++c)
            sums[c] += weight * static_cast<float>(at[c * crop.channel_stride]);
        }
      }
      RPPG_UNROLL
      for (int c = 0; c < kColors; ++c) s.sums[warp * kColors + c][lane] = sums[c];
    });
    block.each([&](int thread, Registers&) {
      if (thread >= kPixelsAtOnce * kColors) return;
      float total = 0;
      RPPG_UNROLL
      for (int i = 0; i < kWarp; ++i) total += s.sums[thread][i];
      const int channel = thread % kColors, pixel = index * kPixelsAtOnce + thread / kColors;
      const int color = crop.blue_first ? kColors - 1 - channel : channel;
      const int at = color * kSide * kSide + pixel;
      const float b = total * crop.scale;
      appearance[at] = b;
      motion[at] = previous ? change(previous[at], b, normalized) : 0.0f;
    });
  }

  static RPPG_DEVICE float change(float a, float b, bool normalized) {
    if (!normalized) return b - a;
    const float ratio = (b - a) / (a + b + kMotionOffset);
    const float low = ratio < -kMotionLimit ? -kMotionLimit : ratio;
    return (low > kMotionLimit ? kMotionLimit : low) * kMotionGain;
  }
};

}  // namespace cuda
}  // namespace rppg
