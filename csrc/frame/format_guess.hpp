// Whether the bytes of a frame look like the format and width that were said.
#pragma once

#include <cstdint>
#include <optional>

#include "frame/formats.hpp"

namespace rppg {

struct FormatGuess {
  const Format* format;
  int width;
};

// What else the frame looks like, where that is far more likely. Pictures are smooth: a sample is
// close to those above and to the left of it, which holds only where format and width are right.
// None where the frame looks as was said, shows too little to tell, or lies between the two. Of the
// order of red and blue, and of U and V, it tells nothing: a picture with them exchanged is smooth,
// too. `data` is a frame without gaps.
std::optional<FormatGuess> guess_format(const Format& said, int width, int height,
                                        const std::uint8_t* data);

}  // namespace rppg
