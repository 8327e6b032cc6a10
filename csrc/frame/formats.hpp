// The table of the pixel formats that cameras, decoders and pipes deliver.
#pragma once

#include <cstddef>
#include <cstdint>

#include "frame/frame.hpp"

namespace rppg {

// One channel: the block of memory that holds it, the bytes from the start of the block to its
// first sample, and the bytes from one sample to the next.
struct Channel {
  int block, offset, pixel;
};

// A pixel format. A frame is one block of memory or several: one for all channels; or one for luma
// and then one for both chroma channels or one for each.
struct Format {
  const char* name;
  Colors colors;
  Channel channels[3];
  int blocks;
  int shift_x, shift_y;  // log2 of the pixels that share a sample of chroma
  int bits, shift;
  bool full_range;  // unless the caller states the range

  // Bytes of a row of a block without padding, and rows of a block.
  std::ptrdiff_t row_bytes(int block, int width) const;
  int rows(int block, int height) const;
  // Bytes of a frame without padding.
  std::size_t bytes(int width, int height) const;

  // The frame whose blocks begin at `starts` and whose rows are `strides` bytes apart.
  FrameView view(int width, int height, const std::uint8_t* const* starts,
                 const std::ptrdiff_t* strides) const;
  // The same for a frame without padding.
  FrameView view(int width, int height, const std::uint8_t* data) const;
};

// In the order of the enum rppg_format.
extern const Format kFormats[];
extern const int kFormatCount;

// Returns nullptr if no format has that name.
const Format* find_format(const char* name);

}  // namespace rppg
