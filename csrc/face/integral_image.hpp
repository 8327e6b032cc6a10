// A part of a frame as a table of sums, from which any crop is resized in a few additions a pixel.
#pragma once

#include <cstdint>
#include <vector>

#include "frame/frame.hpp"

namespace rppg {

// Every `step`-th pixel of a box.
struct Part {
  Box box;
  int step;
  int width() const { return (box.width() + step - 1) / step; }
  int height() const { return (box.height() + step - 1) / step; }
};

class Picture {
 public:
  // What lies outside the frame is grey. Throws std::invalid_argument where the part has more
  // pixels than its sums can tell apart.
  void fill(const FrameView& frame, const Part& part);

  int width() const { return width_; }
  int height() const { return height_; }
  // Red, green and blue of all pixels above row y and left of column x, at [3 * x], modulo 2^32:
  // differences are exact.
  const std::uint32_t* sums(int y) const { return sums_.data() + y * stride(); }

 private:
  std::size_t stride() const { return 3 * (static_cast<std::size_t>(width_) + 1); }

  int width_ = 0, height_ = 0;
  std::vector<std::uint32_t> sums_;
  std::vector<std::uint8_t> row_;  // of converted pixels
};

// Shrinks or enlarges a crop: an output pixel is the mean of all pixels of the crop that it touches
// (adaptive average pooling), which is how facenet-pytorch does it and how MTCNN was trained.
class Resizer {
 public:
  // The box must lie in the picture, which stays as it is until the last row.
  void begin(const Picture& picture, const Box& box, int height, int width);

  // Row y: width x (red, green, blue), from [0, 255] to [-1, 1].
  void row(int y, float* out);

 private:
  // Where a row's pixels begin and end, in the sums, and one over their width.
  struct Bin {
    int first, last;
    double share;
  };

  const Picture* picture_ = nullptr;
  Box box_{};
  int height_ = 0;
  std::vector<Bin> columns_;
  std::vector<std::uint32_t> strip_;  // sums over the rows that an output row touches
};

}  // namespace rppg
