// The spectrum of a band-passed pulse, and a check for peaks that are caused by lines outside the
// band.
#pragma once

#include <cstddef>
#include <vector>

#include "reading/reading.hpp"
#include "signal/spectrum.hpp"

namespace rppg {

class PulseSpectrum {
 public:
  // For at most `most_samples` samples at `rate` (Hz) that were filtered forwards and backwards by
  // the band-pass of `options`. Lines above `highest` (Hz) are not searched.
  PulseSpectrum(const Kernels& kernels, const PulseOptions& options, double rate,
                std::size_t most_samples, double highest, double bins_per_hz);

  // Computes the spectrum of the last `count` samples and its highest peaks, at most `most`;
  // returns their number. Allocates nothing.
  int analyse(const double* filtered, std::size_t count, int most);
  const Peak& peak(int i) const { return peaks_[i]; }
  // The Hann window for `count` <= most_samples samples; valid until another length is requested.
  const double* hann(std::size_t count) { return spectrum_.hann(count); }

  // Describes a frequency (Hz) that need not be a peak.
  Peak examine(double frequency) const { return spectrum_.examine(frequency); }

  // Whether a peak at `frequency` (Hz) is only a harmonic or an alias of a line outside the band.
  bool is_harmonic_or_alias(double frequency) const;

 private:
  // Power of the strongest line from `low` to `high` (Hz), divided by the gain of the band-pass.
  double strongest(double low, double high) const;

  double rate_, low_, high_, highest_;
  double main_lobe_ = 0;  // half width of a line in the window, Hz
  Spectrum spectrum_;
  Peak peaks_[kMostPeaks];
  double strongest_above_ = 0;  // power of the strongest line above the band, a source of aliases
  std::vector<double> undo_;    // inverse of the band-pass's power gain for each bin
};

}  // namespace rppg
