#include "frame/colour.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

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

}  // namespace

Conversion conversion(const FrameView& frame) {
  const double largest = static_cast<double>((1 << frame.bits) - 1);
  const double unit = static_cast<double>(1 << (frame.bits - 8));  // one step of 8 bits
  if (frame.colours == Colours::rgb) return {1.0 / largest, 0, 0, 0, 0, 0, 0};
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
  if (frame.colours != Colours::yuv) {
    for (float* const channel : {y_red, u_green, v_blue}) {
      if (channel == y_red || frame.colours == Colours::rgb)
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

PixelConverter::PixelConverter(const FrameView& frame)
    : frame_(frame), fraction_(16 + frame.bits - 8) {
  const Conversion exact = conversion(frame);
  const auto fixed = [&](double factor) {
    return static_cast<std::int32_t>(std::lround(std::ldexp(255.0 * factor, fraction_)));
  };
  luma_ = fixed(exact.luma);
  red_v_ = fixed(exact.red_v);
  green_u_ = fixed(exact.green_u);
  green_v_ = fixed(exact.green_v);
  blue_u_ = fixed(exact.blue_u);
  black_ = static_cast<std::int32_t>(exact.black);
  middle_ = static_cast<std::int32_t>(exact.middle);
}

template <class Sample, class Number>
void PixelConverter::convert(int y, int first, int end, int step, std::uint8_t* out) const {
  // Members that the loop needs are copied to local variables. `out` points to bytes, which may
  // alias any object, so that the compiler would otherwise read the members again for every pixel.
  const FrameView& f = frame_;
  const int fraction = fraction_, shift = f.shift;
  const Number luma = luma_, black = black_, half = Number{1} << (fraction - 1);
  const auto byte = [fraction, half](Number value) {
    return static_cast<std::uint8_t>(
        std::min<Number>(std::max<Number>((value + half) >> fraction, 0), 255));
  };
  const auto sample = [shift](const std::uint8_t* from) {
    return static_cast<Number>(sample_at<Sample>(from) >> shift);
  };
  const std::uint8_t* rows[3];
  std::ptrdiff_t pixels[3];
  for (int c = 0; c < 3; ++c) {
    const int channel = std::min(c, f.channels() - 1);  // grey has only one
    rows[c] = f.planes[channel].at(f.down_of(channel).index(y), 0);
    pixels[c] = f.planes[channel].pixel;
  }
  if (f.colours != Colours::yuv) {
    for (int x = first; x < end; x += step, out += 3)
      for (int c = 0; c < 3; ++c) out[c] = byte(luma * (sample(rows[c] + x * pixels[c]) - black));
    return;
  }
  const Sampling across = f.across;
  const Number red_v = red_v_, green_u = green_u_, green_v = green_v_, blue_u = blue_u_,
               middle = middle_;
  for (int x = first; x < end; x += step, out += 3) {
    const int pair = across.index(x);
    const Number light = luma * (sample(rows[0] + x * pixels[0]) - black);
    const Number u = sample(rows[1] + pair * pixels[1]) - middle;
    const Number v = sample(rows[2] + pair * pixels[2]) - middle;
    out[0] = byte(light + red_v * v);
    out[1] = byte(light - green_u * u - green_v * v);
    out[2] = byte(light + blue_u * u);
  }
}

void PixelConverter::row(int y, int first, int end, int step, std::uint8_t* out) const {
  if (frame_.words())
    convert<std::uint16_t, std::int64_t>(y, first, end, step, out);
  else
    convert<std::uint8_t, std::int32_t>(y, first, end, step, out);
}

void to_bgr(const FrameView& frame, std::uint8_t* out) {
  const PixelConverter converter(frame);
  for (int y = 0; y < frame.height; ++y) {
    converter.row(y, 0, frame.width, 1, out);
    for (int x = 0; x < frame.width; ++x, out += 3) std::swap(out[0], out[2]);
  }
}

}  // namespace rppg
