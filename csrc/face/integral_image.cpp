#include "face/integral_image.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

#include "frame/color.hpp"

namespace rppg {
namespace {

// The smallest image of P-Net has twelve pixels a side; with this limit, the sum over one of its
// pixels fits 32 bits.
constexpr std::int64_t kMostPixels = std::int64_t{1} << 30;

// From bytes to the networks' [-1, 1].
constexpr double kGrey = 127.5, kGreyStep = 1.0 / 128.0;

// Red, green and blue of every pixel outside the frame: the middle of the range.
constexpr std::uint8_t kOutside = 128;

// How many of begin, begin + step, ... are less than `end`; at most `count`.
int count_before(int begin, int end, int step, int count) {
  return begin < end ? std::min((end - begin + step - 1) / step, count) : 0;
}

using Color = std::array<std::uint32_t, 3>;

// Bytes of red, green and blue, `pixel` bytes from one pixel to the next.
struct Row {
  const std::uint8_t *red, *green, *blue;
  std::ptrdiff_t pixel;
};

// Adds the next `count` pixels of a row: `sum` is the sum of the row's earlier pixels. Writes the
// sums to `out`, with the sums of the rows above added. Returns the new sum of the row.
Color add_pixels(const Row& row, int count, Color sum, const std::uint32_t* above,
                 std::uint32_t* out) {
  std::uint32_t r = sum[0], g = sum[1], b = sum[2];
  const std::uint8_t *red = row.red, *green = row.green, *blue = row.blue;
  for (int x = 0; x < count; ++x, red += row.pixel, green += row.pixel, blue += row.pixel) {
    above += 3;
    out += 3;
    out[0] = above[0] + (r += *red);
    out[1] = above[1] + (g += *green);
    out[2] = above[2] + (b += *blue);
  }
  return {r, g, b};
}

// Whether the rows of a frame can be read without conversion.
bool is_plain(const FrameView& frame) {
  const std::ptrdiff_t pixel = frame.planes[0].pixel;
  return frame.colors == Colors::rgb && !frame.words() && frame.planes[1].pixel == pixel &&
         frame.planes[2].pixel == pixel;
}

}  // namespace

void IntegralImage::fill(const FrameView& frame, const SampledBox& part) {
  width_ = part.width();
  height_ = part.height();
  if (std::int64_t{width_} * height_ > kMostPixels)
    throw std::invalid_argument("frame must not have more than " + std::to_string(kMostPixels) +
                                " pixels, has " + std::to_string(width_) + "x" +
                                std::to_string(height_));
  sums_.resize(stride() * (static_cast<std::size_t>(height_) + 1));
  std::fill_n(sums_.begin(), stride(), 0u);
  const bool plain = is_plain(frame);
  const PixelConverter converter(frame, kernels_);
  const auto length = static_cast<std::size_t>(width_);
  row_.resize(3 * length);
  std::uint8_t* const rgb[] = {row_.data(), row_.data() + length, row_.data() + 2 * length};
  const int left = count_before(part.box.x0, 0, part.step, width_);
  const int right = count_before(part.box.x0, frame.width, part.step, width_);
  const int first_x = part.box.x0 + left * part.step;
  for (int i = 0; i < height_; ++i) {
    const int y = part.box.y0 + i * part.step;
    std::uint32_t* out = sums_.data() + stride() * (static_cast<std::size_t>(i) + 1);
    Color sum{};
    std::copy(sum.begin(), sum.end(), out);
    const auto add = [&](const Row& row, int count) {
      sum = add_pixels(row, count, sum, out - stride(), out);
      out += 3 * count;
    };
    const auto pad = [&](int count) { add({&kOutside, &kOutside, &kOutside, 0}, count); };
    if (y < 0 || y >= frame.height || left >= right) {
      pad(width_);
      continue;
    }
    pad(left);
    if (plain) {
      const auto row = [&](int c) { return frame.planes[c].at(y, first_x); };
      add({row(0), row(1), row(2), part.step * frame.planes[0].pixel}, right - left);
    } else {
      converter.row(y, first_x, std::min(part.box.x1, frame.width), part.step, rgb);
      add({rgb[0], rgb[1], rgb[2], 1}, right - left);
    }
    pad(width_ - right);
  }
}

void CropResize::begin(const IntegralImage& image, const Box& box, int height, int width) {
  image_ = &image;
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

void CropResize::row(int y, float* out) {
  const std::int64_t length = box_.height();
  const auto first = static_cast<int>(y * length / height_);
  const auto last = static_cast<int>(((y + 1) * length + height_ - 1) / height_);
  const std::uint32_t* const above = image_->sums(box_.y0 + first) + 3 * box_.x0;
  const std::uint32_t* const below = image_->sums(box_.y0 + last) + 3 * box_.x0;
  const std::size_t count = strip_.size();
  std::uint32_t* const strip = strip_.data();
  for (std::size_t i = 0; i < count; ++i) strip[i] = below[i] - above[i];
  const double scale = kGreyStep / (last - first);
  for (const Bin& bin : columns_) {
    const double share = bin.share * scale;
    for (int color = 0; color < 3; ++color)
      *out++ = static_cast<float>((strip[bin.last + color] - strip[bin.first + color]) * share -
                                  kGrey * kGreyStep);
  }
}

}  // namespace rppg
