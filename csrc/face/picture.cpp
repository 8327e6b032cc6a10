#include "face/picture.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

namespace rppg {
namespace {

// P-Net's smallest picture has twelve pixels a side: the sum of one of them fits 32 bits.
constexpr std::int64_t kMostPixels = std::int64_t{1} << 30;

// Pixels to the networks' [-1, 1].
constexpr double kGrey = 127.5, kGreyStep = 1.0 / 128.0;

// Red, green and blue of every pixel outside the frame: the middle of the range.
constexpr std::uint8_t kOutside = 128;

// How many of begin, begin + step, ... lie before `end`, at most `count`.
int count_before(int begin, int end, int step, int count) {
  return begin < end ? std::min((end - begin + step - 1) / step, count) : 0;
}

// Every `step`-th pixel from `first` to before `end` of one row of luma and chroma (BT.601, luma
// from 16 to 235) as bytes of red, green and blue.
void convert_row(const FrameView& frame, int y, int first, int end, int step, std::uint8_t* out) {
  const std::uint8_t* const luma = frame.data + y * frame.row_stride;
  const bool planes = frame.order == ColourOrder::nv12;
  const std::uint8_t* const chroma = planes ? frame.chroma + y / 2 * frame.chroma_stride : luma;
  const auto byte = [](int value) {  // from 1 / 65536
    return static_cast<std::uint8_t>(std::min(std::max((value + 32768) >> 16, 0), 255));
  };
  for (int x = first; x < end; x += step, out += 3) {
    const std::uint8_t* const pair = chroma + x / 2 * (planes ? 2 : 4);
    const int light = 76309 * (luma[planes ? x : 2 * x] - 16);
    const int u = pair[planes ? 0 : 1] - 128, v = pair[planes ? 1 : 3] - 128;
    out[0] = byte(light + 104597 * v);
    out[1] = byte(light - 25675 * u - 53279 * v);
    out[2] = byte(light + 132201 * u);
  }
}

using Colour = std::array<std::uint32_t, 3>;

// Goes on with a row from the sum of its pixels so far: `count` pixels, `pixel` bytes from one to
// the next, are added to it and to the sums above. Returns the sum then.
Colour add_pixels(const std::uint8_t* first, std::ptrdiff_t pixel, std::ptrdiff_t green,
                  std::ptrdiff_t blue, int count, Colour sum, const std::uint32_t* above,
                  std::uint32_t* out) {
  std::uint32_t r = sum[0], g = sum[1], b = sum[2];
  for (int x = 0; x < count; ++x, first += pixel) {
    above += 3;
    out += 3;
    out[0] = above[0] + (r += first[0]);
    out[1] = above[1] + (g += first[green]);
    out[2] = above[2] + (b += first[blue]);
  }
  return {r, g, b};
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
  const int left = count_before(part.box.x0, 0, part.step, width_);
  const int right = count_before(part.box.x0, frame.width, part.step, width_);
  const int first_x = part.box.x0 + left * part.step;
  for (int i = 0; i < height_; ++i) {
    const int y = part.box.y0 + i * part.step;
    std::uint32_t* out = sums_.data() + stride() * (static_cast<std::size_t>(i) + 1);
    Colour sum{};
    std::copy(sum.begin(), sum.end(), out);
    const auto add = [&](const std::uint8_t* first, std::ptrdiff_t pixel, std::ptrdiff_t green,
                         std::ptrdiff_t blue, int count) {
      sum = add_pixels(first, pixel, green, blue, count, sum, out - stride(), out);
      out += 3 * count;
    };
    const auto pad = [&](int count) { add(&kOutside, 0, 0, 0, count); };
    if (y < 0 || y >= frame.height || left >= right) {
      pad(width_);
      continue;
    }
    pad(left);
    if (yuv) {
      convert_row(frame, y, first_x, std::min(part.box.x1, frame.width), part.step, row_.data());
      add(row_.data(), 3, 1, 2, right - left);
    } else {
      add(frame.data + y * frame.row_stride + first_x * frame.pixel_stride + red,
          part.step * frame.pixel_stride, channel, 2 * channel, right - left);
    }
    pad(width_ - right);
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
