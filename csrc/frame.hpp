// An 8-bit camera frame -> its 36x36 appearance -> the motion between two of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/cover.hpp"
#include "kernels/kernels.hpp"

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

// What the bytes of a frame mean. Of the two of luma and chroma, as cameras give them (BT.601, luma
// 16 to 235), nv12 has a plane of Y and one of U and V for every 2x2 pixels, and yuyv has Y, U, Y,
// V for every two pixels of a row.
enum class ColourOrder { bgr, rgb, nv12, yuyv };

// Longest side of a frame: its bytes still count in 32 bits. No camera comes near.
inline constexpr int kLongestSide = 1 << 16;

// Somebody else's pixels: strides are in bytes and may be negative. Those of pixels and channels
// are for bgr and rgb alone, the chroma plane for nv12 alone; the width of yuyv is even.
struct FrameView {
  const std::uint8_t* data;
  int height, width;
  std::ptrdiff_t row_stride, pixel_stride, channel_stride;
  ColourOrder order;
  const std::uint8_t* chroma = nullptr;
  std::ptrdiff_t chroma_stride = 0;

  // The same pixels, seen turned clockwise by so many quarter turns.
  FrameView turned(int quarter_turns) const {
    FrameView out = *this;
    for (int i = 0; i < quarter_turns; ++i) {
      out.data += (out.height - 1) * out.row_stride;
      std::swap(out.width, out.height);
      std::swap(out.row_stride, out.pixel_stride);
      out.pixel_stride = -out.pixel_stride;
    }
    return out;
  }
};

// Throws std::invalid_argument, naming box and frame, where the box is empty or leaves the frame.
void check_box(const Box& box, const FrameView& frame);

// Throws std::invalid_argument unless it is 0, 90, 180 or 270.
void check_turned(int degrees);

// Turns an appearance clockwise by so many degrees.
void turn_appearance(float* appearance, int degrees);

// Exact area averaging: every output pixel is the mean of the part of the crop that it covers,
// fractions of pixels included. Never rounds to 8 bits: the pulse is a fraction of one grey level.
class AreaResize {
 public:
  explicit AreaResize(const Kernels& kernels) : kernels_(kernels) {}

  // Writes the appearance, [colour][y][x] in red-green-blue order, values in [0, 1].
  // Allocates only where the box is larger than any before. The box must have passed check_box.
  void run(const FrameView& frame, const Box& box, float* appearance);

 private:
  void prepare(const Box& box);
  // Copies rows whose pixels are not packed; returns the stride of the copies.
  std::ptrdiff_t gather(const FrameView& frame, const std::uint8_t* first, int count);

  // Luma and chroma are averaged as they are, each at its own resolution, and become red, green and
  // blue afterwards: of linear steps the order is free, and 1296 pixels are fewer than the box's.
  void run_yuv(const FrameView& frame, const Box& box, float* appearance);
  // One channel of the bytes whose rows are summed.
  struct Channel {
    int offset, stride;  // bytes
    const Columns* columns;
    float scale;
    float* out;
  };
  void average_channel(const Channel& channel, int y) const;

  const Kernels& kernels_;
  int width_ = 0;  // of the box that columns_ is for
  Columns columns_;
  std::vector<float> sum_;  // one output row's weighted sum of input rows
  std::vector<std::uint8_t> gathered_;
};

enum class MotionKind { normalized, difference };

// The motion of two appearances (or of any `count` values in [0, 1]).
void compute_motion(const Kernels& kernels, MotionKind kind, const float* a, const float* b,
                    std::ptrdiff_t count, float* out);

}  // namespace rppg
