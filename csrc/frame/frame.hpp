// One description of a frame for every pixel format: three channels, each with its own strides.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rppg {

// A rectangle of whole pixels; x1 and y1 are exclusive.
struct Box {
  int x0, y0, x1, y1;
  int width() const { return x1 - x0; }
  int height() const { return y1 - y0; }
  bool operator==(const Box& other) const {
    return x0 == other.x0 && y0 == other.y0 && x1 == other.x1 && y1 == other.y1;
  }
};

// Longest side of a frame, in pixels. The bytes of such a side can be counted in 32 bits, and no
// camera comes near it.
inline constexpr int kLongestSide = 1 << 16;

// The samples of one channel. `row` and `pixel` are the bytes from one row to the next and from one
// sample to the next; both may be negative. Interleaved, planar, flipped and turned frames differ
// only in these numbers.
struct Plane {
  const std::uint8_t* data;  // the first sample of the first row
  std::ptrdiff_t row, pixel;

  const std::uint8_t* at(int y, int x) const { return data + y * row + x * pixel; }
};

// How the pixels of a row or column share samples of chroma. 2^shift pixels share each sample; the
// first sample has `phase` pixels fewer. The phase is not 0 if a frame of odd size is mirrored, or
// if it is cropped at an odd pixel.
struct Sampling {
  int shift = 0, phase = 0;

  int step() const { return 1 << shift; }
  // The sample that a pixel uses.
  int index(int pixel) const { return (pixel + phase) >> shift; }
  // The number of samples for `length` pixels.
  int count(int length) const { return index(length - 1) + 1; }
  Sampling mirrored(int length) const { return {shift, (count(length) << shift) - length - phase}; }
  bool operator==(const Sampling& other) const {
    return shift == other.shift && phase == other.phase;
  }
};

// The meaning of the channels: red, green and blue; luma Y and chroma U (Cb) and V (Cr); or Y
// alone.
enum class Colors { rgb, yuv, grey };

// The standard that defines how luma is computed from red, green and blue.
enum class Matrix { bt601, bt709, bt2020 };

// The order of the channels in a pixel of three bytes.
enum class ColorOrder { bgr, rgb };

// A view of pixels that the caller owns. A sample of 8 bits is one byte. A sample of 9 to 16 bits
// is stored in a little-endian 16-bit word, above `shift` unused low bits.
struct FrameView {
  int height = 0, width = 0;
  Colors colors = Colors::rgb;
  Plane planes[3] = {};   // grey uses the first one only
  Sampling across, down;  // of U and V
  int bits = 8, shift = 0;
  bool full_range = false;  // Y from 0 to the largest number; else from 16 to 235 (for 8 bits)
  Matrix matrix = Matrix::bt601;  // full_range and matrix apply to yuv and grey only

  bool words() const { return bits > 8; }
  int channels() const { return colors == Colors::grey ? 1 : 3; }
  Sampling across_of(int channel) const { return channel == 0 ? Sampling{} : across; }
  Sampling down_of(int channel) const { return channel == 0 ? Sampling{} : down; }

  // The same pixels with rows and columns exchanged; with left and right exchanged; and turned
  // counter-clockwise by a number of quarter turns (negative: clockwise), as numpy.rot90 turns an
  // array. No pixel is copied. Chroma stays with its pixels also if sizes are odd.
  FrameView transposed() const;
  FrameView mirrored() const;
  FrameView turned(int quarter_turns) const;
};

// A frame of 8-bit red, green and blue samples that lie `channel` bytes apart.
FrameView view_rgb(const std::uint8_t* data, int height, int width, std::ptrdiff_t row,
                   std::ptrdiff_t pixel, std::ptrdiff_t channel, ColorOrder order);

// Throws std::invalid_argument that names the box and the frame if the box is empty or leaves the
// frame.
void check_box(const Box& box, const FrameView& frame);

// Throws std::invalid_argument unless `degrees` is 0, 90, 180 or 270.
void check_turned(int degrees);

}  // namespace rppg
