// Which pixels of a row or column an output pixel covers; the same on every processor. C++14.
#pragma once

#include "cuda/device.hpp"
#include "shape.hpp"

namespace rppg {

// The first and the last covered pixel, both inclusive, and their covered parts; a whole pixel has
// `parts` parts. If the span is a single pixel, first_parts counts.
struct PixelSpan {
  int first, last;
  int first_parts, last_parts, parts;

  RPPG_DEVICE float first_share() const { return share(first_parts); }
  RPPG_DEVICE float last_share() const { return share(last_parts); }

 private:
  RPPG_DEVICE float share(int of) const {
    return static_cast<float>(of) / static_cast<float>(parts);
  }
};

// The span of output pixel `index`, which covers [index, index + 1) * length / kSide. The ends are
// exact in units of 1 / kSide of a pixel. `length` is at most 2^16. For chroma, `step` pixels share
// one sample: the span is then in samples, and the first sample also covers `skipped` pixels before
// the box.
RPPG_DEVICE PixelSpan pixel_span(int index, int length, int skipped = 0, int step = 1) {
  const int low = skipped * kSide + index * length, high = low + length, sample = step * kSide;
  const int first = low / sample, last = (high - 1) / sample;
  const int first_end = first == last ? high : (first + 1) * sample;
  return {first, last, first_end - low, high - last * sample, sample};
}

}  // namespace rppg
