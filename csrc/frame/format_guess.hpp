// A check whether the bytes of a frame match the format and width that were given.
#pragma once

#include <cstdint>
#include <optional>

#include "frame/formats.hpp"

namespace rppg {

struct FormatGuess {
  const Format* format;
  int width;
};

// Returns another format and width if the frame looks far more like these. Pictures are smooth: a
// sample is close to the samples above and to the left of it, but only if format and width are
// right. Returns nothing if the frame looks as stated, if it shows too little to tell, or if the
// evidence is not clear. The function cannot detect exchanged red and blue, or exchanged U and V,
// because such a picture is smooth too. `data` is a frame without padding.
std::optional<FormatGuess> guess_format(const Format& given, int width, int height,
                                        const std::uint8_t* data);

}  // namespace rppg
