// The classical method ICA (Poh et al., 2011). It separates a window's mean color into three
// independent components and returns the one with the clearest peak in its spectrum.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "reading/classical.hpp"
#include "signal/spectrum.hpp"

namespace rppg {

// A matrix of three rows.
using Matrix3 = std::array<std::array<double, kChannels>, kChannels>;

class Ica {
 public:
  // Windows have at most `max_samples` samples at `rate` (Hz). The peak is searched from `low` to
  // `high` (Hz). Throws std::invalid_argument as Spectrum does.
  Ica(const Kernels& kernels, double rate, double low, double high, std::size_t max_samples);

  // `color` and `filtered` are those of Classical::chrom. The pulse rises when green falls. Throws
  // std::invalid_argument unless 2 <= count <= max_samples. Allocates nothing.
  void pulse(const double* const color[kChannels], const double* const filtered[kChannels],
             std::size_t count, double* out);

 private:
  // The matrix that makes the signals independent when they are multiplied by it.
  Matrix3 unmixing(std::size_t count);

  std::size_t max_samples_;
  Spectrum spectrum_;
  std::vector<double> signals_[kChannels];  // band-passed colors, relative to their means
  std::vector<double> component_;
};

}  // namespace rppg
