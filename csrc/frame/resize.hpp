// From a box of a frame to its 36x36 appearance, and from two appearances to their motion.
#pragma once

#include <vector>

#include "frame/frame.hpp"
#include "kernels/contract.hpp"
#include "kernels/pixel_span.hpp"

namespace rppg {

// Exact area averaging: every output pixel is the mean of the part of the crop that it covers,
// fractions of pixels included. The result is never rounded to 8 bits, because the pulse is a
// fraction of one grey level.
class AreaResize {
 public:
  explicit AreaResize(const Kernels& kernels) : kernels_(kernels) {}

  // Writes the appearance, [color][y][x] in the order red, green, blue, with values in [0, 1].
  // Allocates only if the box is larger than any before. The box must have passed check_box.
  void run(const FrameView& frame, const Box& box, float* appearance);

 private:
  // For 8-bit red, green and blue: averages all three channels at once.
  void run_rgb(const FrameView& frame, const Box& box, float* appearance);
  // Copies rows whose pixels are not packed; returns the stride of the copies in bytes.
  std::ptrdiff_t gather(const FrameView& frame, const Box& box, int first, int count);

  // Averages each channel at its own resolution and converts the means to red, green and blue. Both
  // steps are linear, so their order does not change the result, and 1296 pixels are fewer than
  // those of the box.
  void run_planes(const FrameView& given, const Box& given_box, float* appearance);
  int average_together(const FrameView& frame, const Box& box, int channel, float* means);
  void average_alone(const FrameView& frame, const Box& box, int channel, float* means);
  template <class Sample>
  void sum_samples(const std::uint8_t* first, const Plane& plane, const PixelSpan& span, int count,
                   int shift);

  // One channel of a row of sums.
  struct Channel {
    std::ptrdiff_t offset, stride;  // of its samples among the sums
    const ColumnWeights* columns;
    float scale;  // from a sum to a mean
    float* means;
  };
  void average_channel(const Channel& channel, int y) const;

  const ColumnWeights& columns(const Box& box, const Sampling& across);
  void reserve(std::ptrdiff_t sums);

  const Kernels& kernels_;
  // Column weights of luma or of all colors, and of chroma, with the properties of the box that
  // they were computed for.
  struct Divided {
    int width = 0, skipped = 0, step = 0;
    ColumnWeights columns;
  } divided_[2];
  std::vector<float> sum_;  // weighted sums of input rows for one output row
  std::vector<std::uint32_t> whole_;
  std::vector<std::uint8_t> gathered_;
};

// Turns an appearance clockwise by 0, 90, 180 or 270 degrees.
void turn_appearance(float* appearance, int degrees);

enum class MotionKind { normalized, difference };

// The motion between two appearances, or between any `count` pairs of values in [0, 1].
void compute_motion(const Kernels& kernels, MotionKind kind, const float* a, const float* b,
                    std::ptrdiff_t count, float* out);

}  // namespace rppg
