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
// counted in whole parts of 1 / kSide of a pixel. `length` is at most 2^16.
RPPG_DEVICE Cover cover(int index, int length) {
  const int low = index * length, high = low + length;
  const int first = low / kSide, last = (high - 1) / kSide;
  const int first_end = first == last ? high : (first + 1) * kSide;
  return {first, last, static_cast<float>(first_end - low) / kSide,
          static_cast<float>(high - last * kSide) / kSide};
}

}  // namespace rppg
