// Frames of any size, with any strides and any box, in memory that ends where they end.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <vector>

#include "frame.hpp"

namespace {

constexpr int kLongest = 90;         // pixels: more than two to an output pixel
constexpr float kTolerance = 1e-5f;  // float32 sums of some ten 8-bit values

// Bytes from the first pixel to the lowest and to the highest address.
struct Extent {
  std::ptrdiff_t low = 0, high = 0;
  void add(std::ptrdiff_t stride, int count) { (stride < 0 ? low : high) += stride * (count - 1); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider given(data, size);
  const int height = given.ConsumeIntegralInRange(1, kLongest);
  const int width = given.ConsumeIntegralInRange(1, kLongest);
  const bool packed = given.ConsumeBool();
  const std::ptrdiff_t channel = packed ? 1 : given.ConsumeIntegralInRange(-4, 4);
  const std::ptrdiff_t pixel = packed ? rppg::kColours : given.ConsumeIntegralInRange(-9, 9);
  const std::ptrdiff_t row = given.ConsumeIntegralInRange(-300, 300);
  Extent extent;
  extent.add(row, height);
  extent.add(pixel, width);
  extent.add(channel, rppg::kColours);
  const auto bytes = static_cast<std::size_t>(extent.high - extent.low + 1);
  const auto order = given.ConsumeBool() ? rppg::ColourOrder::rgb : rppg::ColourOrder::bgr;

  rppg::Box box{};
  if (given.ConsumeBool()) {
    box = {given.ConsumeIntegral<int>(), given.ConsumeIntegral<int>(), given.ConsumeIntegral<int>(),
           given.ConsumeIntegral<int>()};
  } else {
    box.x0 = given.ConsumeIntegralInRange(0, width - 1);
    box.y0 = given.ConsumeIntegralInRange(0, height - 1);
    box.x1 = given.ConsumeIntegralInRange(box.x0 + 1, width);
    box.y1 = given.ConsumeIntegralInRange(box.y0 + 1, height);
  }
  const auto memory = std::make_unique<std::uint8_t[]>(bytes);
  const std::uint8_t fill = given.ConsumeIntegral<std::uint8_t>();
  std::fill_n(memory.get(), bytes, fill);
  given.ConsumeData(memory.get(), bytes);
  const rppg::FrameView frame{memory.get() - extent.low, height, width, row, pixel, channel, order};
  try {
    rppg::check_box(box, frame);
  } catch (const std::invalid_argument&) {
    return 0;
  }

  const auto [least, most] = std::minmax_element(memory.get(), memory.get() + bytes);
  std::vector<std::vector<float>> found;
  for (const char* const* name = rppg::available_backends(); *name != nullptr; ++name) {
    found.emplace_back(rppg::kPixels);
    rppg::AreaResize(rppg::select_kernels(*name)).run(frame, box, found.back().data());
    for (std::size_t i = 0; i < rppg::kPixels; ++i) {
      const float value = found.back()[i];
      const bool inside = value >= *least / 255.0f - kTolerance &&
                          value <= *most / 255.0f + kTolerance;  // false for NaN, too
      if (!inside || std::abs(value - found.front()[i]) > kTolerance) std::abort();
    }
  }
  return 0;
}
