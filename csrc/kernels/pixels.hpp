// Conversion of pixels from luma and chroma to bytes of red, green and blue. The compiler makes
// vector instructions of these loops for each backend. V makes each backend's copy its own; see
// generic.hpp.
#pragma once

#include "contract.hpp"

namespace rppg {

template <class V>
struct PixelKernels {
  static std::int32_t clamp(std::int32_t value) {
    return value < 0 ? 0 : value > 255 ? 255 : value;
  }

  static void to_bytes(const ByteConversion& c, const std::uint8_t (&yuv)[kColors][kPixelsAtOnce],
                       std::uint8_t (&rgb)[kColors][kPixelsAtOnce]) {
    // Copies, so that the compiler knows that writing bytes does not change them.
    const ByteConversion k = c;
    const std::int32_t half = 1 << (kByteFraction - 1);
    std::int32_t light[kPixelsAtOnce];
    for (int i = 0; i < kPixelsAtOnce; ++i) light[i] = k.luma * (yuv[0][i] - k.black) + half;
    const auto channel = [&](int color, std::int32_t by_u, std::int32_t by_v) {
      std::uint8_t bytes[kPixelsAtOnce];
      for (int i = 0; i < kPixelsAtOnce; ++i) {
        const std::int32_t u = yuv[1][i] - k.middle, v = yuv[2][i] - k.middle;
        bytes[i] =
            static_cast<std::uint8_t>(clamp((light[i] + by_u * u + by_v * v) >> kByteFraction));
      }
      __builtin_memcpy(rgb[color], bytes, sizeof bytes);
    };
    channel(0, 0, k.red_v);
    channel(1, -k.green_u, -k.green_v);
    channel(2, k.blue_u, 0);
  }
};

}  // namespace rppg
