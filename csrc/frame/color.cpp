#include "frame/color.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace rppg {
namespace {

// The weights of red and blue in luma.
struct Shares {
  double red, blue;
};

Shares shares(Matrix matrix) {
  switch (matrix) {
    case Matrix::bt709:
      return {0.2126, 0.0722};
    case Matrix::bt2020:
      return {0.2627, 0.0593};
    default:
      return {0.299, 0.114};
  }
}

template <class Sample>
Sample sample_at(const std::uint8_t* from) {
  Sample value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Copies the bytes of every `step`-th of `count` pixels of a row, from pixel `first` on. The usual
// strides have loops of their own, which the compiler makes vector instructions of.
void copy_samples(const std::uint8_t* row, std::ptrdiff_t pixel, const Sampling& across, int first,
                  int step, int count, std::uint8_t* out) {
  if (step == 1 && pixel == 1 && across.shift == 0) {
    std::memcpy(out, row + first, static_cast<std::size_t>(count));
  } else if (step == 1 && pixel == 1 && across.shift == 1) {
    const std::uint8_t* from = row + across.index(first);
    if (across.index(first) == across.index(first - 1)) {
      *out++ = *from++;
      --count;
    }
    for (int i = 0; i < count / 2; ++i) out[2 * i] = out[2 * i + 1] = from[i];
    if (count % 2 != 0) out[count - 1] = from[count / 2];
  } else {
    for (int i = 0; i < count; ++i) out[i] = row[across.index(first + i * step) * pixel];
  }
}

}  // namespace

Conversion conversion(const FrameView& frame) {
  const double largest = static_cast<double>((1 << frame.bits) - 1);
  const double unit = static_cast<double>(1 << (frame.bits - 8));  // one step of 8 bits
  if (frame.colors == Colors::rgb) return {1.0 / largest, 0, 0, 0, 0, 0, 0};
  const auto [red, blue] = shares(frame.matrix);
  const double green = 1.0 - red - blue;
  const double luma = 1.0 / (frame.full_range ? largest : 219.0 * unit);
  const double chroma = 2.0 / (frame.full_range ? largest : 224.0 * unit);
  return {luma,
          chroma * (1.0 - red),
          chroma * (1.0 - blue) * blue / green,
          chroma * (1.0 - red) * red / green,
          chroma * (1.0 - blue),
          frame.full_range ? 0.0 : 16.0 * unit,
          128.0 * unit};
}

void to_rgb(const FrameView& frame, float* y_red, float* u_green, float* v_blue, int count) {
  const Conversion exact = conversion(frame);
  const auto luma = static_cast<float>(exact.luma), black = static_cast<float>(exact.black);
  const auto clamp = [](float value) { return std::min(std::max(value, 0.0f), 1.0f); };
  if (frame.colors != Colors::yuv) {
    for (float* const channel : {y_red, u_green, v_blue}) {
      if (channel == y_red || frame.colors == Colors::rgb)
        for (int i = 0; i < count; ++i) channel[i] = clamp(luma * (channel[i] - black));
      else
        std::copy_n(y_red, count, channel);
    }
    return;
  }
  const auto red_v = static_cast<float>(exact.red_v), green_u = static_cast<float>(exact.green_u);
  const auto green_v = static_cast<float>(exact.green_v), blue_u = static_cast<float>(exact.blue_u);
  const auto middle = static_cast<float>(exact.middle);
  for (int i = 0; i < count; ++i) {
    const float y = luma * (y_red[i] - black), u = u_green[i] - middle, v = v_blue[i] - middle;
    y_red[i] = clamp(y + red_v * v);
    u_green[i] = clamp(y - green_u * u - green_v * v);
    v_blue[i] = clamp(y + blue_u * u);
  }
}

PixelConverter::PixelConverter(const FrameView& frame, const Kernels& kernels)
    : frame_(frame), kernels_(kernels), fraction_(kByteFraction + frame.bits - 8) {
  const Conversion exact = conversion(frame);
  const auto fixed = [&](double factor) {
    return static_cast<std::int32_t>(std::lround(std::ldexp(255.0 * factor, fraction_)));
  };
  fixed_ = {fixed(exact.luma),
            fixed(exact.red_v),
            fixed(exact.green_u),
            fixed(exact.green_v),
            fixed(exact.blue_u),
            static_cast<std::int32_t>(exact.black),
            static_cast<std::int32_t>(exact.middle)};
}

void PixelConverter::row(int y, int first, int end, int step, std::uint8_t* const* out) const {
  if (frame_.words())
    convert<std::uint16_t>(y, first, end, step, out);
  else if (frame_.colors == Colors::yuv)
    convert_bytes(y, first, end, step, out);
  else
    convert<std::uint8_t>(y, first, end, step, out);
}

template <class Sample>
void PixelConverter::convert(int y, int first, int end, int step, std::uint8_t* const* out) const {
  // Members that the loop needs are copied to local variables. `out` points to bytes, which may
  // alias any object, so that the compiler would otherwise read the members again for every pixel.
  const FrameView& f = frame_;
  const ByteConversion k = fixed_;
  const int fraction = fraction_, shift = f.shift;
  const std::int64_t luma = k.luma, half = std::int64_t{1} << (fraction - 1);
  const auto byte = [fraction, half](std::int64_t value) {
    return static_cast<std::uint8_t>(
        std::min<std::int64_t>(std::max<std::int64_t>((value + half) >> fraction, 0), 255));
  };
  const auto sample = [shift](const std::uint8_t* from) {
    return std::int64_t{sample_at<Sample>(from) >> shift};
  };
  const std::uint8_t* rows[3];
  std::ptrdiff_t pixels[3];
  for (int c = 0; c < 3; ++c) {
    const int channel = std::min(c, f.channels() - 1);  // grey has only one
    rows[c] = f.planes[channel].at(f.down_of(channel).index(y), 0);
    pixels[c] = f.planes[channel].pixel;
  }
  std::uint8_t *red = out[0], *green = out[1], *blue = out[2];
  if (f.colors != Colors::yuv) {
    const auto channel = [&](int c, int x) {
      return byte(luma * (sample(rows[c] + x * pixels[c]) - k.black));
    };
    for (int x = first; x < end; x += step) {
      *red++ = channel(0, x);
      *green++ = channel(1, x);
      *blue++ = channel(2, x);
    }
    return;
  }
  const Sampling across = f.across;
  for (int x = first; x < end; x += step) {
    const int pair = across.index(x);
    const std::int64_t light = luma * (sample(rows[0] + x * pixels[0]) - k.black);
    const std::int64_t u = sample(rows[1] + pair * pixels[1]) - k.middle;
    const std::int64_t v = sample(rows[2] + pair * pixels[2]) - k.middle;
    *red++ = byte(light + k.red_v * v);
    *green++ = byte(light - k.green_u * u - k.green_v * v);
    *blue++ = byte(light + k.blue_u * u);
  }
}

void PixelConverter::convert_bytes(int y, int first, int end, int step,
                                   std::uint8_t* const* out) const {
  std::uint8_t yuv[kColors][kPixelsAtOnce] = {}, rgb[kColors][kPixelsAtOnce];
  int done = 0;
  for (int x = first; x < end; x += kPixelsAtOnce * step, done += kPixelsAtOnce) {
    const int count = std::min((end - x + step - 1) / step, kPixelsAtOnce);
    for (int c = 0; c < kColors; ++c) {
      const Plane& plane = frame_.planes[c];
      copy_samples(plane.at(frame_.down_of(c).index(y), 0), plane.pixel, frame_.across_of(c), x,
                   step, count, yuv[c]);
    }
    kernels_.to_bytes(fixed_, yuv, rgb);
    for (int c = 0; c < kColors; ++c) std::copy_n(rgb[c], count, out[c] + done);
  }
}

void to_bgr(const FrameView& frame, std::uint8_t* out) {
  const PixelConverter converter(frame, select_kernels("auto"));
  const auto width = static_cast<std::size_t>(frame.width);
  std::vector<std::uint8_t> row(kColors * width);
  std::uint8_t* const rgb[] = {row.data(), row.data() + width, row.data() + 2 * width};
  for (int y = 0; y < frame.height; ++y) {
    converter.row(y, 0, frame.width, 1, rgb);
    for (std::size_t x = 0; x < width; ++x)
      for (int c = 0; c < kColors; ++c) *out++ = rgb[kColors - 1 - c][x];
  }
}

}  // namespace rppg
