#include "frame.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace rppg {

void check_box(const Box& box, const FrameView& frame) {
  const auto text = [&] {
    return "box (" + std::to_string(box.x0) + ", " + std::to_string(box.y0) + ", " +
           std::to_string(box.x1) + ", " + std::to_string(box.y1) + ")";
  };
  if (box.x0 >= box.x1 || box.y0 >= box.y1)
    throw std::invalid_argument(text() + " is empty: x1 must exceed x0, and y1 must exceed y0");
  if (box.x0 < 0 || box.y0 < 0 || box.x1 > frame.width || box.y1 > frame.height)
    throw std::invalid_argument(text() + " leaves the frame, which is " +
                                std::to_string(frame.width) + " pixels wide and " +
                                std::to_string(frame.height) + " high");
}

namespace {

// Output cell `index` of kSide covers [low, high) of `length` input pixels.
struct Cover {
  double low, high;
  int first, last;  // the pixels it touches, both inclusive
  Cover(int index, int length)
      : low(static_cast<double>(index) * length / kSide),
        high(static_cast<double>(index + 1) * length / kSide),
        first(static_cast<int>(low)),
        last(std::min(static_cast<int>(std::ceil(high)), length) - 1) {}
  float share(int pixel) const {
    return static_cast<float>(std::min(pixel + 1.0, high) - std::max<double>(pixel, low));
  }
};

}  // namespace

void AreaResize::run(const FrameView& frame, const Box& box, float* appearance) {
  const int values = box.width() * kColours;
  if (sum_.size() < static_cast<std::size_t>(values)) sum_.resize(values);
  const bool packed = frame.pixel_stride == kColours && frame.channel_stride == 1;
  if (!packed && row_.size() < static_cast<std::size_t>(values)) row_.resize(values);

  const std::uint8_t* corner = frame.data + box.y0 * frame.row_stride + box.x0 * frame.pixel_stride;
  for (int y = 0; y < kSide; ++y) {
    const Cover rows(y, box.height());
    std::fill_n(sum_.data(), values, 0.0f);
    for (int r = rows.first; r <= rows.last; ++r) {
      const std::uint8_t* row = corner + r * frame.row_stride;
      if (!packed) {
        for (int x = 0; x < box.width(); ++x)
          for (int c = 0; c < kColours; ++c)
            row_[x * kColours + c] = row[x * frame.pixel_stride + c * frame.channel_stride];
        row = row_.data();
      }
      kernels_.add_row(row, rows.share(r), values, sum_.data());
    }
    average_columns(box.width(), rows.high - rows.low, frame.order, y, appearance);
  }
}

void AreaResize::average_columns(int width, double rows, ColourOrder order, int y,
                                 float* appearance) const {
  for (int x = 0; x < kSide; ++x) {
    const Cover columns(x, width);
    float mean[kColours] = {};
    for (int p = columns.first; p <= columns.last; ++p) {
      const float share = columns.share(p);
      for (int c = 0; c < kColours; ++c) mean[c] += share * sum_[p * kColours + c];
    }
    const float scale = static_cast<float>(1.0 / (255.0 * rows * (columns.high - columns.low)));
    for (int c = 0; c < kColours; ++c) {
      const int colour = order == ColourOrder::rgb ? c : kColours - 1 - c;
      appearance[(colour * kSide + y) * kSide + x] = mean[c] * scale;
    }
  }
}

void compute_motion(const Kernels& kernels, MotionKind kind, const float* a, const float* b,
                    std::ptrdiff_t count, float* out) {
  if (kind == MotionKind::normalized)
    kernels.motion(a, b, count, out);
  else
    for (std::ptrdiff_t i = 0; i < count; ++i) out[i] = b[i] - a[i];
}

}  // namespace rppg
