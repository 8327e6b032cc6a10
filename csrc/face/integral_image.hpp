// A table of sums over a part of a frame. With it, any crop is resized with a few additions for
// each output pixel.
#pragma once

#include <cstdint>
#include <vector>

#include "frame/frame.hpp"
#include "kernels/contract.hpp"

namespace rppg {

// Every `step`-th pixel of a box.
struct SampledBox {
  Box box;
  int step;
  int width() const { return (box.width() + step - 1) / step; }
  int height() const { return (box.height() + step - 1) / step; }
};

class IntegralImage {
 public:
  explicit IntegralImage(const Kernels& kernels) : kernels_(kernels) {}

  // Pixels outside the frame are grey. Throws std::invalid_argument if the part has more pixels
  // than 32-bit sums can represent.
  void fill(const FrameView& frame, const SampledBox& part);

  int width() const { return width_; }
  int height() const { return height_; }
  // Sums of red, green and blue of all pixels above row y and left of column x, at [3 * x], modulo
  // 2^32. Differences of them are exact.
  const std::uint32_t* sums(int y) const { return sums_.data() + y * stride(); }

 private:
  std::size_t stride() const { return 3 * (static_cast<std::size_t>(width_) + 1); }

  const Kernels& kernels_;
  int width_ = 0, height_ = 0;
  std::vector<std::uint32_t> sums_;
  std::vector<std::uint8_t> row_;  // converted pixels of one row: red, green, blue
};

// Resizes a crop. An output pixel is the mean of all pixels of the crop that it touches (adaptive
// average pooling), as in facenet-pytorch and in the training of MTCNN.
class CropResize {
 public:
  // The box must lie in the image, which must not change until the last row.
  void begin(const IntegralImage& image, const Box& box, int height, int width);

  // Row y: width x (red, green, blue), scaled from [0, 255] to [-1, 1].
  void row(int y, float* out);

 private:
  // Begin and end of an output pixel in a row of sums, and 1 / its width in pixels.
  struct Bin {
    int first, last;
    double share;
  };

  const IntegralImage* image_ = nullptr;
  Box box_{};
  int height_ = 0;
  std::vector<Bin> columns_;
  std::vector<std::uint32_t> strip_;  // sums over the rows that an output row touches
};

}  // namespace rppg
