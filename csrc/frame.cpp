#include "frame.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace rppg {
namespace {

constexpr int kPlane = kSide * kSide;

// `skipped` and `step` are as of `cover`.
Columns divide(int length, int skipped = 0, int step = 1) {
  Cover covers[kSide];
  Columns columns;
  columns.whole = length;
  for (int x = 0; x < kSide; ++x) {
    covers[x] = cover(x, length, skipped, step);
    columns.whole = std::min(columns.whole, std::max(0, covers[x].last - covers[x].first - 1));
  }
  for (int x = 0; x < kSide; ++x) {
    const int last = covers[x].last - covers[x].first;
    const auto share = [&](int k) {
      return k < last ? 1.0f : k == last ? covers[x].last_share() : 0.0f;
    };
    columns.pixels[x] = {
        covers[x].first,
        {covers[x].first_share(), share(columns.whole + 1), share(columns.whole + 2)}};
  }
  return columns;
}

// Luma and chroma of BT.601, in bytes, to red, green and blue in [0, 1].
void to_rgb(float* y_red, float* u_green, float* v_blue, int count) {
  constexpr double kRed = 0.299, kBlue = 0.114, kGreen = 1.0 - kRed - kBlue;
  constexpr double kLuma = 1.0 / 219.0, kChroma = 2.0 / 224.0;  // of the bytes they span
  constexpr auto kY = static_cast<float>(kLuma);
  constexpr auto kRedV = static_cast<float>(kChroma * (1.0 - kRed));
  constexpr auto kBlueU = static_cast<float>(kChroma * (1.0 - kBlue));
  constexpr auto kGreenV = static_cast<float>(kChroma * (1.0 - kRed) * kRed / kGreen);
  constexpr auto kGreenU = static_cast<float>(kChroma * (1.0 - kBlue) * kBlue / kGreen);
  const auto clamp = [](float value) { return std::min(std::max(value, 0.0f), 1.0f); };
  for (int i = 0; i < count; ++i) {
    const float y = kY * (y_red[i] - 16.0f), u = u_green[i] - 128.0f, v = v_blue[i] - 128.0f;
    y_red[i] = clamp(y + kRedV * v);
    u_green[i] = clamp(y - kGreenU * u - kGreenV * v);
    v_blue[i] = clamp(y + kBlueU * u);
  }
}

}  // namespace

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

void turn_appearance(float* appearance, int degrees) {
  float before[kPlane];
  for (int c = 0; c < kColours && degrees != 0; ++c, appearance += kPlane) {
    std::copy_n(appearance, kPlane, before);
    for (int y = 0; y < kSide; ++y)
      for (int x = 0; x < kSide; ++x) {
        const int right = kSide - 1 - x, below = kSide - 1 - y;
        const int from = degrees == 90    ? right * kSide + y
                         : degrees == 180 ? below * kSide + right
                                          : x * kSide + below;
        appearance[y * kSide + x] = before[from];
      }
  }
}

void AreaResize::prepare(const Box& box) {
  // Pixels beyond, of which nothing counts, and a vector of four reads beyond a pixel.
  const std::size_t values = (static_cast<std::size_t>(box.width()) + 4) * kColours;
  if (sum_.size() < values) sum_.resize(values);
  if (box.width() == width_) return;
  width_ = box.width();
  columns_ = divide(width_);
}

void AreaResize::run(const FrameView& frame, const Box& box, float* appearance) {
  prepare(box);
  if (frame.order == ColourOrder::nv12 || frame.order == ColourOrder::yuyv)
    return run_yuv(frame, box, appearance);
  const std::uint8_t* corner = frame.data + box.y0 * frame.row_stride + box.x0 * frame.pixel_stride;
  const bool packed = frame.pixel_stride == kColours && frame.channel_stride == 1;
  const double area = static_cast<double>(box.width()) * box.height() / (kSide * kSide);
  const float scale = static_cast<float>(1.0 / (255.0 * area));
  const int first_plane = frame.order == ColourOrder::rgb ? 0 : 2 * kPlane;
  for (int y = 0; y < kSide; ++y) {
    const Cover rows = cover(y, box.height());
    const int count = rows.last - rows.first + 1;
    const std::uint8_t* first = corner + rows.first * frame.row_stride;
    std::ptrdiff_t stride = frame.row_stride;
    if (!packed) {
      stride = gather(frame, first, count);
      first = gathered_.data();
    }
    kernels_.sum_rows(first, stride, rows, width_ * kColours, sum_.data());
    float* const out = appearance + y * kSide;
    float* const planes[] = {out + first_plane, out + kPlane, out + 2 * kPlane - first_plane};
    kernels_.average(sum_.data(), columns_, scale, planes);
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

void AreaResize::average_channel(const Channel& channel, int y) const {
  const float* const sums = sum_.data() + channel.offset;
  const int stride = channel.stride, whole = channel.columns->whole;
  for (int x = 0; x < kSide; ++x) {
    const auto& [first, shares] = channel.columns->pixels[x];
    const float* const values = sums + first * stride;
    float sum = shares[0] * values[0] + shares[1] * values[(whole + 1) * stride] +
                shares[2] * values[(whole + 2) * stride];
    for (int k = 1; k <= whole; ++k) sum += values[k * stride];
    channel.out[y * kSide + x] = sum * channel.scale;
  }
}

void AreaResize::run_yuv(const FrameView& frame, const Box& box, float* appearance) {
  const bool planes = frame.order == ColourOrder::nv12;
  const int odd_x = box.x0 % 2, odd_y = box.y0 % 2;  // pixels that share chroma, yet lie outside
  const int pairs = (odd_x + box.width() + 1) / 2;
  const Columns halved = divide(box.width(), odd_x, 2);

  const double area = static_cast<double>(box.width()) * box.height() / kPlane;
  const auto scale = [&](double samples_per_pixel) {
    return static_cast<float>(1.0 / (samples_per_pixel * area));
  };
  const auto sum_rows = [&](const std::uint8_t* first, std::ptrdiff_t stride, const Cover& rows,
                            int bytes) {
    kernels_.sum_rows(first + rows.first * stride, stride, rows, bytes, sum_.data());
  };
  float *const luma = appearance, *const u = luma + kPlane, *const v = u + kPlane;
  const std::uint8_t* const row = frame.data + box.y0 * frame.row_stride;
  const std::uint8_t* const chroma_row = frame.chroma + box.y0 / 2 * frame.chroma_stride;
  for (int y = 0; y < kSide; ++y) {
    const Cover rows = cover(y, box.height());
    if (planes) {
      sum_rows(row + box.x0, frame.row_stride, rows, box.width());
      average_channel({0, 1, &columns_, scale(1.0), luma}, y);
      sum_rows(chroma_row + box.x0 / 2 * 2, frame.chroma_stride, cover(y, box.height(), odd_y, 2),
               2 * pairs);
      average_channel({0, 2, &halved, scale(0.25), u}, y);
      average_channel({1, 2, &halved, scale(0.25), v}, y);
    } else {
      sum_rows(row + box.x0 / 2 * 4, frame.row_stride, rows, 4 * pairs);
      average_channel({2 * odd_x, 2, &columns_, scale(1.0), luma}, y);
      average_channel({1, 4, &halved, scale(0.5), u}, y);
      average_channel({3, 4, &halved, scale(0.5), v}, y);
    }
  }
  to_rgb(luma, u, v, kPlane);
}

void compute_motion(const Kernels& kernels, MotionKind kind, const float* a, const float* b,
                    std::ptrdiff_t count, float* out) {
  if (kind == MotionKind::normalized)
    kernels.motion(a, b, count, out);
  else
    for (std::ptrdiff_t i = 0; i < count; ++i) out[i] = b[i] - a[i];
}

}  // namespace rppg
