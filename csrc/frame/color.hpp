// Conversion of samples of any format to red, green and blue: means to numbers in [0, 1], and
// single pixels to bytes.
#pragma once

#include <cstdint>

#include "frame/frame.hpp"
#include "kernels/contract.hpp"

namespace rppg {

// The conversion of samples y, u and v to values in [0, 1]:
//   red   = luma * (y - black) + red_v * (v - middle)
//   green = luma * (y - black) - green_u * (u - middle) - green_v * (v - middle)
//   blue  = luma * (y - black) + blue_u * (u - middle)
// Grey, and each channel of a frame of red, green and blue, use the first term only.
struct Conversion {
  double luma, red_v, green_u, green_v, blue_u, black, middle;
};

// By the formulas of the frame's standard, for its range and bit depth.
Conversion conversion(const FrameView& frame);

// Converts means of the channels, in units of samples, to red, green and blue in [0, 1], in place;
// values outside that range are clamped. For grey, u_green and v_blue are output only.
void to_rgb(const FrameView& frame, float* y_red, float* u_green, float* v_blue, int count);

// Converts pixels to bytes, rounded to the nearest. Pixels that share a sample of chroma all use
// it; chroma is not interpolated. The bits are the same for every backend.
class PixelConverter {
 public:
  // Keeps a copy of the view, not of the pixels.
  PixelConverter(const FrameView& frame, const Kernels& kernels);

  // Writes every `step`-th pixel from `first` to before `end` of row y: its red, green and blue
  // bytes to three arrays.
  void row(int y, int first, int end, int step, std::uint8_t* const* out) const;

 private:
  template <class Sample>
  void convert(int y, int first, int end, int step, std::uint8_t* const* out) const;
  void convert_bytes(int y, int first, int end, int step, std::uint8_t* const* out) const;

  FrameView frame_;
  const Kernels& kernels_;
  int fraction_;          // 2^-fraction_ is the unit of the conversion
  ByteConversion fixed_;  // of samples of any number of bits
};

// Converts the whole frame to bytes of blue, green and red, [y][x][color].
void to_bgr(const FrameView& frame, std::uint8_t* out);

}  // namespace rppg
