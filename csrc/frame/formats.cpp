#include "frame/formats.hpp"

#include <algorithm>
#include <cstring>

namespace rppg {
namespace {

constexpr Format rgb(const char* name, int red, int blue, int pixel) {
  return {name, Colors::rgb, {{0, red, pixel}, {0, 1, pixel}, {0, blue, pixel}}, 1, 0, 0, 8,
          0,    true};
}

// Y, then a plane of interleaved U and V.
constexpr Format semi_planar(const char* name, int u, int v, int bits) {
  const int bytes = bits > 8 ? 2 : 1;
  return {name,
          Colors::yuv,
          {{0, 0, bytes}, {1, u * bytes, 2 * bytes}, {1, v * bytes, 2 * bytes}},
          2,
          1,
          1,
          bits,
          bits > 8 ? 16 - bits : 0,
          false};
}

// Two pixels in four bytes.
constexpr Format packed(const char* name, int y, int u) {
  return {name, Colors::yuv, {{0, y, 2}, {0, u, 4}, {0, u + 2, 4}}, 1, 1, 0, 8, 0, false};
}

constexpr Format planar(const char* name, int shift_x, int shift_y, int bits) {
  const int bytes = bits > 8 ? 2 : 1;
  return {name, Colors::yuv, {{0, 0, bytes}, {1, 0, bytes}, {2, 0, bytes}},
          3,    shift_x,     shift_y,
          bits, 0,           false};
}

}  // namespace

const Format kFormats[] = {
    rgb("bgr24", 2, 0, 3),
    rgb("rgb24", 0, 2, 3),
    semi_planar("nv12", 0, 1, 8),
    packed("yuyv", 0, 1),
    planar("i420", 1, 1, 8),
    rgb("bgra", 2, 0, 4),
    rgb("rgba", 0, 2, 4),
    packed("uyvy", 1, 0),
    {"grey", Colors::grey, {{0, 0, 1}, {}, {}}, 1, 0, 0, 8, 0, true},
    semi_planar("nv21", 1, 0, 8),
    semi_planar("p010", 0, 1, 10),
    planar("i422", 1, 0, 8),
    planar("i444", 0, 0, 8),
    planar("i010", 1, 1, 10),
    planar("i210", 1, 0, 10),
    planar("i410", 0, 0, 10),
};
const int kFormatCount = sizeof kFormats / sizeof *kFormats;

std::ptrdiff_t Format::row_bytes(int block, int width) const {
  std::ptrdiff_t bytes = 0;
  for (int c = 0; c < (colors == Colors::grey ? 1 : 3); ++c) {
    if (channels[c].block != block) continue;
    const Sampling across{c == 0 ? 0 : shift_x, 0};
    bytes = std::max(bytes, static_cast<std::ptrdiff_t>(across.count(width)) * channels[c].pixel);
  }
  return bytes;
}

int Format::rows(int block, int height) const {
  return Sampling{block == 0 ? 0 : shift_y, 0}.count(height);
}

std::size_t Format::bytes(int width, int height) const {
  std::size_t all = 0;
  for (int block = 0; block < blocks; ++block)
    all += static_cast<std::size_t>(row_bytes(block, width)) *
           static_cast<std::size_t>(rows(block, height));
  return all;
}

FrameView Format::view(int width, int height, const std::uint8_t* const* starts,
                       const std::ptrdiff_t* strides) const {
  FrameView out;
  out.height = height;
  out.width = width;
  out.colors = colors;
  for (int c = 0; c < out.channels(); ++c) {
    const Channel& channel = channels[c];
    out.planes[c] = {starts[channel.block] + channel.offset, strides[channel.block], channel.pixel};
  }
  out.across.shift = shift_x;
  out.down.shift = shift_y;
  out.bits = bits;
  out.shift = shift;
  out.full_range = full_range;
  return out;
}

FrameView Format::view(int width, int height, const std::uint8_t* data) const {
  const std::uint8_t* starts[3];
  std::ptrdiff_t strides[3];
  for (int block = 0; block < blocks; ++block) {
    starts[block] = data;
    strides[block] = row_bytes(block, width);
    data += strides[block] * rows(block, height);
  }
  return view(width, height, starts, strides);
}

const Format* find_format(const char* name) {
  for (const Format& format : kFormats)
    if (std::strcmp(format.name, name) == 0) return &format;
  return nullptr;
}

}  // namespace rppg
