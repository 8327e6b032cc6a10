// The classical method ICA (Poh et al., 2011): of three independent components of a window's mean
// colour, the one with the clearest peak of its spectrum.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "reading/classical.hpp"
#include "signal/spectrum.hpp"

namespace rppg {

// Row by row.
using Matrix3 = std::array<std::array<double, kChannels>, kChannels>;

class Ica {
 public:
  // Windows have at most `max_samples` samples at `rate` (Hz); the peak is sought from `low` to
  // `high` (Hz). Throws std::invalid_argument as Spectrum does.
  Ica(const Kernels& kernels, double rate, double low, double high, std::size_t max_samples);

  // `colour` and `filtered` as Classical::chrom takes them. The pulse rises where green falls.
  // Throws std::invalid_argument unless 2 <= count <= max_samples. Allocates nothing.
  void pulse(const double* const colour[kChannels], const double* const filtered[kChannels],
             std::size_t count, double* out);

 private:
  // What the signals are multiplied by to become independent.
  Matrix3 unmixing(std::size_t count);

  std::size_t max_samples_;
  Spectrum spectrum_;
  std::vector<double> signals_[kChannels];  // relative to the mean colour
  std::vector<double> component_;
};

}  // namespace rppg
