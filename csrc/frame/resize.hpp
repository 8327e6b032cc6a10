// A box of a frame -> its 36x36 appearance -> the motion between two of them.
#pragma once

#include <vector>

#include "frame/frame.hpp"
#include "kernels/contract.hpp"
#include "kernels/pixel_span.hpp"

namespace rppg {

// Exact area averaging: every output pixel is the mean of the part of the crop that it covers,
// fractions of pixels included. Never rounds to 8 bits: the pulse is a fraction of one grey level.
class AreaResize {
 public:
  explicit AreaResize(const Kernels& kernels) : kernels_(kernels) {}

  // Writes the appearance, [colour][y][x] in red-green-blue order, values in [0, 1].
  // Allocates only where the box is larger than any before. The box must have passed check_box.
  void run(const FrameView& frame, const Box& box, float* appearance);

 private:
  // Red, green and blue in bytes: all three are averaged at once.
  void run_rgb(const FrameView& frame, const Box& box, float* appearance);
  // Copies rows whose pixels are not packed; returns the stride of the copies.
  std::ptrdiff_t gather(const FrameView& frame, const Box& box, int first, int count);

  // Each channel is averaged as it is, at its own resolution, and the means become red, green and
  // blue: of linear steps the order is free, and 1296 pixels are fewer than the box's.
  void run_planes(const FrameView& frame, const Box& box, float* appearance);
  int average_together(const FrameView& frame, const Box& box, int channel, float* means);
  void average_alone(const FrameView& frame, const Box& box, int channel, float* means);
  template <class Sample>
  void sum_samples(const std::uint8_t* first, const Plane& plane, const Cover& rows, int count,
                   int shift);

  // One channel of the row that is summed.
  struct Channel {
    std::ptrdiff_t offset, stride;  // of its samples among the sums
    const Columns* columns;
    float scale;  // of a sum to a mean
    float* means;
  };
  void average_channel(const Channel& channel, int y) const;

  const Columns& columns(const Box& box, const Sampling& across);
  void reserve(std::ptrdiff_t sums);

  const Kernels& kernels_;
  // Of luma, or of all colours, and of chroma: what of the box they are for.
  struct Divided {
    int width = 0, skipped = 0, step = 0;
    Columns columns;
  } divided_[2];
  std::vector<float> sum_;  // one output row's weighted sum of input rows
  std::vector<std::uint32_t> whole_;
  std::vector<std::uint8_t> gathered_;
};

// Turns an appearance clockwise by 0, 90, 180 or 270 degrees.
void turn_appearance(float* appearance, int degrees);

enum class MotionKind { normalized, difference };

// The motion of two appearances (or of any `count` values in [0, 1]).
void compute_motion(const Kernels& kernels, MotionKind kind, const float* a, const float* b,
                    std::ptrdiff_t count, float* out);

}  // namespace rppg
