// Which pixels of a row or column an output pixel covers; the same on every processor. C++14.
#pragma once

#include "cuda/device.hpp"
#include "shape.hpp"

namespace rppg {

// First and last pixel, both inclusive, and how many parts of them, of as many as a whole pixel
// has; of a single pixel, the first number counts.
struct Cover {
  int first, last;
  int first_parts, last_parts, parts;

  RPPG_DEVICE float first_share() const { return share(first_parts); }
  RPPG_DEVICE float last_share() const { return share(last_parts); }

 private:
  RPPG_DEVICE float share(int of) const {
    return static_cast<float>(of) / static_cast<float>(parts);
  }
};

// Of output pixel `index`, which ranges over [index, index + 1) * length / kSide; the ends are
// counted in whole parts of 1 / kSide of a pixel. `length` is at most 2^16. Of chroma, `step`
// pixels share a sample, which is then what is counted, and the first one `skipped` with others.
RPPG_DEVICE Cover cover(int index, int length, int skipped = 0, int step = 1) {
  const int low = skipped * kSide + index * length, high = low + length, sample = step * kSide;
  const int first = low / sample, last = (high - 1) / sample;
  const int first_end = first == last ? high : (first + 1) * sample;
  return {first, last, first_end - low, high - last * sample, sample};
}

}  // namespace rppg
