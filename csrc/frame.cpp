#include "frame.hpp"

#include <algorithm>
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

void AreaResize::prepare(const Box& box) {
  const std::size_t values = static_cast<std::size_t>(box.width()) * kColours;
  if (sum_.size() < values + 1) sum_.resize(values + 1);
  if (box.width() == width_) return;
  width_ = box.width();
  for (int x = 0; x < kSide; ++x) columns_[x] = cover(x, width_);
}

void AreaResize::run(const FrameView& frame, const Box& box, float* appearance) {
  prepare(box);
  const std::uint8_t* corner = frame.data + box.y0 * frame.row_stride + box.x0 * frame.pixel_stride;
  const bool packed = frame.pixel_stride == kColours && frame.channel_stride == 1;
  const double area = static_cast<double>(box.width()) * box.height() / (kSide * kSide);
  const float scale = static_cast<float>(1.0 / (255.0 * area));
  for (int y = 0; y < kSide; ++y) {
    const Cover rows = cover(y, box.height());
    const int count = rows.last - rows.first + 1;
    const std::uint8_t* first = corner + rows.first * frame.row_stride;
    std::ptrdiff_t stride = frame.row_stride;
    if (!packed) {
      stride = gather(frame, first, count);
      first = gathered_.data();
    }
    kernels_.sum_rows(first, stride, count, rows.first_share, rows.last_share, width_ * kColours,
                      sum_.data());
    average_columns(scale, frame.order, y, appearance);
  }
}

std::ptrdiff_t AreaResize::gather(const FrameView& frame, const std::uint8_t* first, int count) {
  const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(width_) * kColours;
  const std::size_t values = static_cast<std::size_t>(stride * count);
  if (gathered_.size() < values) gathered_.resize(values);
  for (int r = 0; r < count; ++r)
    for (int x = 0; x < width_; ++x)
      for (int c = 0; c < kColours; ++c)
        gathered_[r * stride + x * kColours + c] =
            first[r * frame.row_stride + x * frame.pixel_stride + c * frame.channel_stride];
  return stride;
}

void AreaResize::average_columns(float scale, ColourOrder order, int y, float* appearance) const {
  constexpr int kLanes = kColours + 1;  // a whole vector: the fourth value is not used
  for (int x = 0; x < kSide; ++x) {
    const Cover& columns = columns_[x];
    const float* pixel = sum_.data() + columns.first * kColours;
    float sum[kLanes];
    for (int c = 0; c < kLanes; ++c) sum[c] = columns.first_share * pixel[c];
    for (int p = columns.first + 1; p < columns.last; ++p) {
      pixel += kColours;
      for (int c = 0; c < kLanes; ++c) sum[c] += pixel[c];
    }
    if (columns.last > columns.first) {
      pixel += kColours;
      for (int c = 0; c < kLanes; ++c) sum[c] += columns.last_share * pixel[c];
    }
    for (int c = 0; c < kColours; ++c) {
      const int colour = order == ColourOrder::rgb ? c : kColours - 1 - c;
      appearance[(colour * kSide + y) * kSide + x] = sum[c] * scale;
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
