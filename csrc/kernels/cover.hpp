// Which pixels of a row or column an output pixel covers; the same on every processor. C++14.
#pragma once

#include "cuda/device.hpp"
#include "shape.hpp"

namespace rppg {

// First and last pixel, both inclusive, and how much of them; of a single pixel, the first share
// counts.
struct Cover {
  int first, last;
  float first_share, last_share;
};

// Of output pixel `index`, which ranges over [index, index + 1) * length / kSide; the ends are
// counted in whole parts of 1 / kSide of a pixel. `length` is at most 2^16. Of chroma, `step`
// pixels share a sample, which is then what is counted, and the first one `skipped` with others.
RPPG_DEVICE Cover cover(int index, int length, int skipped = 0, int step = 1) {
  const int low = skipped * kSide + index * length, high = low + length, sample = step * kSide;
  const int first = low / sample, last = (high - 1) / sample;
  const int first_end = first == last ? high : (first + 1) * sample;
  const auto parts = static_cast<float>(sample);
  return {first, last, static_cast<float>(first_end - low) / parts,
          static_cast<float>(high - last * sample) / parts};
}

}  // namespace rppg
