#include "face/picture.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace rppg {
namespace {

// P-Net's smallest picture has twelve pixels a side: the sum of one of them fits 32 bits.
constexpr std::int64_t kMostPixels = std::int64_t{1} << 30;

// Pixels to the networks' [-1, 1].
constexpr double kGrey = 127.5, kGreyStep = 1.0 / 128.0;

// One row of luma and chroma (BT.601, luma from 16 to 235) as bytes of red, green and blue.
void convert_row(const FrameView& frame, int y, const Part& part, std::uint8_t* out) {
  const std::uint8_t* const luma = frame.data + y * frame.row_stride;
  const bool planes = frame.order == ColourOrder::nv12;
  const std::uint8_t* const chroma = planes ? frame.chroma + y / 2 * frame.chroma_stride : luma;
  const auto byte = [](int value) {  // from 1 / 65536
    return static_cast<std::uint8_t>(std::min(std::max((value + 32768) >> 16, 0), 255));
  };
  for (int x = part.box.x0; x < part.box.x1; x += part.step, out += 3) {
    const std::uint8_t* const pair = chroma + x / 2 * (planes ? 2 : 4);
    const int light = 76309 * (luma[planes ? x : 2 * x] - 16);
    const int u = pair[planes ? 0 : 1] - 128, v = pair[planes ? 1 : 3] - 128;
    out[0] = byte(light + 104597 * v);
    out[1] = byte(light - 25675 * u - 53279 * v);
    out[2] = byte(light + 132201 * u);
  }
}

// A row of pixels, `pixel` bytes from one to the next, added to the sums above it.
void add_row(const std::uint8_t* first, std::ptrdiff_t pixel, std::ptrdiff_t green,
             std::ptrdiff_t blue, int count, const std::uint32_t* above, std::uint32_t* out) {
  std::uint32_t r = 0, g = 0, b = 0;
  out[0] = out[1] = out[2] = 0;
  for (int x = 0; x < count; ++x, first += pixel) {
    above += 3;
    out += 3;
    out[0] = above[0] + (r += first[0]);
    out[1] = above[1] + (g += first[green]);
    out[2] = above[2] + (b += first[blue]);
  }
}

}  // namespace

void Picture::fill(const FrameView& frame, const Part& part) {
  width_ = part.width();
  height_ = part.height();
  if (std::int64_t{width_} * height_ > kMostPixels)
    throw std::invalid_argument("frame must not have more than " + std::to_string(kMostPixels) +
                                " pixels, has " + std::to_string(width_) + "x" +
                                std::to_string(height_));
  sums_.resize(stride() * (static_cast<std::size_t>(height_) + 1));
  std::fill_n(sums_.begin(), stride(), 0u);
  const bool yuv = frame.order == ColourOrder::nv12 || frame.order == ColourOrder::yuyv;
  if (yuv) row_.resize(3 * static_cast<std::size_t>(width_));
  const bool bgr = frame.order == ColourOrder::bgr;
  const std::ptrdiff_t red = bgr ? 2 * frame.channel_stride : 0;
  const std::ptrdiff_t channel = bgr ? -frame.channel_stride : frame.channel_stride;
  for (int i = 0; i < height_; ++i) {
    const int y = part.box.y0 + i * part.step;
    std::uint32_t* const out = sums_.data() + stride() * (static_cast<std::size_t>(i) + 1);
    if (yuv) {
      convert_row(frame, y, part, row_.data());
      add_row(row_.data(), 3, 1, 2, width_, out - stride(), out);
    } else {
      const std::uint8_t* const first =
          frame.data + y * frame.row_stride + part.box.x0 * frame.pixel_stride + red;
      add_row(first, part.step * frame.pixel_stride, channel, 2 * channel, width_, out - stride(),
              out);
    }
  }
}

void Resizer::begin(const Picture& picture, const Box& box, int height, int width) {
  picture_ = &picture;
  box_ = box;
  height_ = height;
  columns_.resize(static_cast<std::size_t>(width));
  const std::int64_t length = box.width();
  for (int x = 0; x < width; ++x) {
    const auto first = static_cast<int>(x * length / width);
    const auto last = static_cast<int>(((x + 1) * length + width - 1) / width);
    columns_[static_cast<std::size_t>(x)] = {3 * first, 3 * last, 1.0 / (last - first)};
  }
  strip_.resize(3 * (static_cast<std::size_t>(length) + 1));
}

void Resizer::row(int y, float* out) {
  const std::int64_t length = box_.height();
  const auto first = static_cast<int>(y * length / height_);
  const auto last = static_cast<int>(((y + 1) * length + height_ - 1) / height_);
  const std::uint32_t* const above = picture_->sums(box_.y0 + first) + 3 * box_.x0;
  const std::uint32_t* const below = picture_->sums(box_.y0 + last) + 3 * box_.x0;
  const std::size_t count = strip_.size();
  std::uint32_t* const strip = strip_.data();
  for (std::size_t i = 0; i < count; ++i) strip[i] = below[i] - above[i];
  const double scale = kGreyStep / (last - first);
  for (const Bin& bin : columns_) {
    const double share = bin.share * scale;
    for (int colour = 0; colour < 3; ++colour)
      *out++ = static_cast<float>((strip[bin.last + colour] - strip[bin.first + colour]) * share -
                                  kGrey * kGreyStep);
  }
}

}  // namespace rppg
