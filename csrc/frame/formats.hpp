// The pixel formats that cameras, decoders and pipes give, in one table.
#pragma once

#include <cstddef>
#include <cstdint>

#include "frame/frame.hpp"

namespace rppg {

// One channel: the block of memory that it lies in, and bytes there, to its first sample and from
// one sample to the next.
struct Channel {
  int block, offset, pixel;
};

// A frame is one block of memory or several: all of luma and chroma first, then chroma, both or
// each.
struct Format {
  const char* name;
  Colours colours;
  Channel channels[3];
  int blocks;
  int shift_x, shift_y;  // of chroma
  int bits, shift;
  bool full_range;  // unless something else is said

  // Of a block: bytes of a row without a gap, and rows.
  std::ptrdiff_t row_bytes(int block, int width) const;
  int rows(int block, int height) const;
  // Bytes of a frame without gaps.
  std::size_t bytes(int width, int height) const;

  // The frame in blocks that begin there and whose rows are so many bytes apart.
  FrameView view(int width, int height, const std::uint8_t* const* blocks,
                 const std::ptrdiff_t* strides) const;
  // The same of a frame without gaps.
  FrameView view(int width, int height, const std::uint8_t* data) const;
};

// In the order of rppg_format.
extern const Format kFormats[];
extern const int kFormatCount;

// nullptr where no format has that name.
const Format* find_format(const char* name);

}  // namespace rppg
