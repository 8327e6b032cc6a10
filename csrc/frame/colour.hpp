// Samples of any kind to red, green and blue: of means, in [0, 1], and of single pixels, in bytes.
#pragma once

#include <cstdint>

#include "frame/frame.hpp"

namespace rppg {

// Samples y, u and v make, in [0, 1],
//   red   = luma * (y - black) + red_v * (v - middle)
//   green = luma * (y - black) - green_u * (u - middle) - green_v * (v - middle)
//   blue  = luma * (y - black) + blue_u * (u - middle)
// Of grey, and of each channel of red, green and blue, the first term is all.
struct Conversion {
  double luma, red_v, green_u, green_v, blue_u, black, middle;
};

// By the formulas of the frame's standard, from its range and bits.
Conversion conversion(const FrameView& frame);

// Means of the channels, in samples, to red, green and blue in [0, 1], in place; what lies beyond
// is clamped. Of grey, the second and the third are written alone.
void to_rgb(const FrameView& frame, float* y_red, float* u_green, float* v_blue, int count);

// Pixels to bytes, rounded to the nearest. Chroma is repeated for the pixels that share it, not
// interpolated.
class PixelConverter {
 public:
  // Keeps the view, not the pixels.
  explicit PixelConverter(const FrameView& frame);

  // Every `step`-th pixel from `first` to before `end` of row y, as bytes of red, green and blue.
  void row(int y, int first, int end, int step, std::uint8_t* out) const;

 private:
  template <class Sample, class Number>
  void convert(int y, int first, int end, int step, std::uint8_t* out) const;

  FrameView frame_;
  // The conversion to [0, 255] in numbers of 2^-fraction_.
  int fraction_;
  std::int32_t luma_, red_v_, green_u_, green_v_, blue_u_, black_, middle_;
};

// The whole frame as bytes of blue, green and red, [y][x][colour].
void to_bgr(const FrameView& frame, std::uint8_t* out);

}  // namespace rppg
