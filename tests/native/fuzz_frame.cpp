// Fuzzes frames of any format and size with any strides and any box. The memory ends where the
// frame ends, so that the sanitizer reports any read outside.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <stdexcept>
#include <vector>

#include "face/integral_image.hpp"
#include "frame/color.hpp"
#include "frame/format_guess.hpp"
#include "frame/formats.hpp"
#include "frame/resize.hpp"

namespace {

constexpr int kLongest = 90;         // pixels: more than two for each output pixel
constexpr float kTolerance = 1e-5f;  // for float32 sums of about ten 8-bit values

struct Given {
  std::unique_ptr<std::uint8_t[]> memory;
  rppg::FrameView frame;
};

void fill(FuzzedDataProvider& given, std::uint8_t* memory, std::size_t bytes) {
  std::fill_n(memory, bytes, given.ConsumeIntegral<std::uint8_t>());
  given.ConsumeData(memory, bytes);
}

// A frame in a format of the table, turned and mirrored.
Given of_table(FuzzedDataProvider& given, int height, int width) {
  const rppg::Format& format =
      rppg::kFormats[given.ConsumeIntegralInRange(0, rppg::kFormatCount - 1)];
  const std::size_t bytes = format.bytes(width, height);
  Given out{std::make_unique<std::uint8_t[]>(bytes), {}};
  out.frame =
      format.view(width, height, out.memory.get()).turned(given.ConsumeIntegralInRange(-4, 4));
  if (given.ConsumeBool()) out.frame = out.frame.mirrored();
  out.frame.full_range = given.ConsumeBool();
  out.frame.matrix = static_cast<rppg::Matrix>(given.ConsumeIntegralInRange(0, 2));
  fill(given, out.memory.get(), bytes);
  rppg::guess_format(format, width, height, out.memory.get());
  return out;
}

// A frame whose channels have independent strides in one block of memory, in which they may
// overlap.
Given of_strides(FuzzedDataProvider& given, int height, int width) {
  Given out{nullptr, {}};
  rppg::FrameView& frame = out.frame;
  frame.height = height;
  frame.width = width;
  frame.colors = static_cast<rppg::Colors>(given.ConsumeIntegralInRange(0, 2));
  frame.bits = given.ConsumeBool() ? 8 : given.ConsumeIntegralInRange(9, 16);
  if (frame.words()) frame.shift = given.ConsumeIntegralInRange(0, 16 - frame.bits);
  frame.full_range = given.ConsumeBool();
  if (frame.colors == rppg::Colors::yuv)
    for (rppg::Sampling* const sampling : {&frame.across, &frame.down}) {
      sampling->shift = given.ConsumeIntegralInRange(0, 2);
      sampling->phase = given.ConsumeIntegralInRange(0, sampling->step() - 1);
    }
  // Lowest and highest offset in bytes from the first sample of the first channel.
  std::ptrdiff_t low = 0, high = 0, begin[3] = {};
  for (int c = 0; c < frame.channels(); ++c) {
    rppg::Plane& plane = frame.planes[c];
    begin[c] = c == 0 ? 0 : given.ConsumeIntegralInRange(-9, 9);
    const bool alike = c > 0 && given.ConsumeBool();
    plane.row = alike ? frame.planes[0].row : given.ConsumeIntegralInRange(-300, 300);
    plane.pixel = alike ? frame.planes[0].pixel : given.ConsumeIntegralInRange(-9, 9);
    const std::ptrdiff_t down = plane.row * (frame.down_of(c).count(height) - 1);
    const std::ptrdiff_t across = plane.pixel * (frame.across_of(c).count(width) - 1);
    constexpr std::ptrdiff_t kNone = 0;
    low = std::min(low, begin[c] + std::min(down, kNone) + std::min(across, kNone));
    high = std::max(high, begin[c] + std::max(down, kNone) + std::max(across, kNone));
  }
  const auto bytes = static_cast<std::size_t>(high - low + (frame.words() ? 2 : 1));
  out.memory = std::make_unique<std::uint8_t[]>(bytes);
  for (int c = 0; c < frame.channels(); ++c)
    frame.planes[c].data = out.memory.get() - low + begin[c];
  fill(given, out.memory.get(), bytes);
  return out;
}

rppg::Box box_of(FuzzedDataProvider& given, const rppg::FrameView& frame) {
  if (given.ConsumeBool())
    return {given.ConsumeIntegral<int>(), given.ConsumeIntegral<int>(),
            given.ConsumeIntegral<int>(), given.ConsumeIntegral<int>()};
  const int x0 = given.ConsumeIntegralInRange(0, frame.width - 1);
  const int y0 = given.ConsumeIntegralInRange(0, frame.height - 1);
  return {x0, y0, given.ConsumeIntegralInRange(x0 + 1, frame.width),
          given.ConsumeIntegralInRange(y0 + 1, frame.height)};
}

// The smallest and the largest byte of the pixels of a box, which are converted one by one.
std::pair<int, int> range_of(const rppg::FrameView& frame, const rppg::Box& box) {
  const rppg::PixelConverter converter(frame, rppg::select_kernels("auto"));
  const auto width = static_cast<std::size_t>(box.width());
  std::vector<std::uint8_t> row(3 * width);
  std::uint8_t* const rgb[] = {row.data(), row.data() + width, row.data() + 2 * width};
  int least = 255, most = 0;
  for (int y = box.y0; y < box.y1; ++y) {
    converter.row(y, box.x0, box.x1, 1, rgb);
    const auto [low, high] = std::minmax_element(row.begin(), row.end());
    least = std::min<int>(least, *low);
    most = std::max<int>(most, *high);
  }
  return {least, most};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider given(data, size);
  const int height = given.ConsumeIntegralInRange(1, kLongest);
  const int width = given.ConsumeIntegralInRange(1, kLongest);
  const Given made =
      given.ConsumeBool() ? of_table(given, height, width) : of_strides(given, height, width);
  const rppg::FrameView& frame = made.frame;
  const rppg::Box box = box_of(given, frame);
  try {
    rppg::check_box(box, frame);
  } catch (const std::invalid_argument&) {
    return 0;
  }

  // If the conversion is linear, the mean lies within the range of the pixels; with clamping it may
  // not.
  const bool linear = frame.colors == rppg::Colors::rgb;
  const auto [least, most] = linear ? range_of(frame, box) : std::pair<int, int>{0, 255};
  const float rounding = linear && frame.words() ? 0.5f / 255.0f : 0.0f;
  std::vector<std::vector<float>> found;
  for (const char* const* name = rppg::available_backends(); *name != nullptr; ++name) {
    found.emplace_back(rppg::kPixels);
    rppg::AreaResize(rppg::select_kernels(*name)).run(frame, box, found.back().data());
    for (std::size_t i = 0; i < rppg::kPixels; ++i) {
      const float value = found.back()[i], margin = kTolerance + rounding;
      const bool inside = value >= static_cast<float>(least) / 255.0f - margin &&
                          value <= static_cast<float>(most) / 255.0f + margin;  // false for NaN
      if (!inside || std::abs(value - found.front()[i]) > kTolerance) std::abort();
    }
  }
  rppg::IntegralImage picture(rppg::select_kernels("auto"));
  const int step = given.ConsumeIntegralInRange(1, 5),
            beyond = given.ConsumeIntegralInRange(-20, 20);
  picture.fill(frame, {{box.x0 - beyond, box.y0 - beyond, box.x0 + 40, box.y0 + 40}, step});
  return 0;
}
