#include "frame/frame.hpp"

#include <stdexcept>
#include <string>
#include <utility>

namespace rppg {

FrameView FrameView::transposed() const {
  FrameView out = *this;
  std::swap(out.height, out.width);
  std::swap(out.across, out.down);
  for (Plane& plane : out.planes) std::swap(plane.row, plane.pixel);
  return out;
}

FrameView FrameView::mirrored() const {
  FrameView out = *this;
  out.across = across.mirrored(width);
  for (int c = 0; c < channels(); ++c) {
    Plane& plane = out.planes[c];
    plane.data = plane.at(0, across_of(c).count(width) - 1);
    plane.pixel = -plane.pixel;
  }
  return out;
}

FrameView FrameView::turned(int quarter_turns) const {
  FrameView out = *this;
  for (int i = 0; i < (quarter_turns & 3); ++i) out = out.mirrored().transposed();
  return out;
}

FrameView view_rgb(const std::uint8_t* data, int height, int width, std::ptrdiff_t row,
                   std::ptrdiff_t pixel, std::ptrdiff_t channel, ColorOrder order) {
  FrameView out;
  out.height = height;
  out.width = width;
  for (int c = 0; c < 3; ++c)
    out.planes[c] = {data + (order == ColorOrder::rgb ? c : 2 - c) * channel, row, pixel};
  return out;
}

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

void check_turned(int degrees) {
  if (degrees != 0 && degrees != 90 && degrees != 180 && degrees != 270)
    throw std::invalid_argument("turned must be 0, 90, 180 or 270 degrees, is " +
                                std::to_string(degrees));
}

}  // namespace rppg
