// One description of a frame for every pixel format: three channels, each with strides of its own.
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

// Longest side of a frame: its bytes still count in 32 bits. No camera comes near.
inline constexpr int kLongestSide = 1 << 16;

// The samples of one channel: bytes from a row to the next and from a sample to the next, of any
// sign, so that interleaved, planar, flipped and turned frames differ in these numbers alone.
struct Plane {
  const std::uint8_t* data;  // the first sample of the first row
  std::ptrdiff_t row, pixel;

  const std::uint8_t* at(int y, int x) const { return data + y * row + x * pixel; }
};

// How the pixels of a row or of a column share samples of chroma: 2^shift of them each, but the
// first sample belongs to `phase` pixels less. The phase is not 0 where a frame of odd size is seen
// mirrored, or cropped at an odd pixel.
struct Sampling {
  int shift = 0, phase = 0;

  int step() const { return 1 << shift; }
  // The sample of a pixel.
  int index(int pixel) const { return (pixel + phase) >> shift; }
  // How many samples so many pixels have.
  int count(int length) const { return index(length - 1) + 1; }
  Sampling mirrored(int length) const { return {shift, (count(length) << shift) - length - phase}; }
  bool operator==(const Sampling& other) const {
    return shift == other.shift && phase == other.phase;
  }
};

// What the channels are: red, green and blue; luma Y and chroma U (Cb) and V (Cr); or Y alone.
enum class Colours { rgb, yuv, grey };

// How luma is made of red, green and blue.
enum class Matrix { bt601, bt709, bt2020 };

// Order of the channels of a pixel of three bytes.
enum class ColourOrder { bgr, rgb };

// Somebody else's pixels. A sample of 8 bits is a byte; one of 9 to 16 bits stands in a 16-bit
// word, little-endian, above `shift` bits that do not count.
struct FrameView {
  int height = 0, width = 0;
  Colours colours = Colours::rgb;
  Plane planes[3] = {};   // of grey, the first one alone
  Sampling across, down;  // of U and V
  int bits = 8, shift = 0;
  bool full_range = false;        // Y from 0 to the largest number, or from 16 to 235 of 255
  Matrix matrix = Matrix::bt601;  // both of yuv and grey alone

  bool words() const { return bits > 8; }
  int channels() const { return colours == Colours::grey ? 1 : 3; }
  Sampling across_of(int channel) const { return channel == 0 ? Sampling{} : across; }
  Sampling down_of(int channel) const { return channel == 0 ? Sampling{} : down; }

  // The same pixels with rows and columns exchanged; with left and right exchanged; turned
  // counter-clockwise by any number of quarter turns, negative ones clockwise, as numpy.rot90 turns
  // an array. No pixel is copied, and chroma stays with its pixels also where sizes are odd.
  FrameView transposed() const;
  FrameView mirrored() const;
  FrameView turned(int quarter_turns) const;
};

// Red, green and blue, a byte each, `channel` bytes apart.
FrameView view_rgb(const std::uint8_t* data, int height, int width, std::ptrdiff_t row,
                   std::ptrdiff_t pixel, std::ptrdiff_t channel, ColourOrder order);

// Throws std::invalid_argument, naming box and frame, where the box is empty or leaves the frame.
void check_box(const Box& box, const FrameView& frame);

// Throws std::invalid_argument unless it is 0, 90, 180 or 270 degrees.
void check_turned(int degrees);

}  // namespace rppg
