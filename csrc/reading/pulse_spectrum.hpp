// The spectrum of a band-passed pulse, and which of its peaks only echo something outside the band.
#pragma once

#include <cstddef>
#include <vector>

#include "reading/reading.hpp"
#include "signal/spectrum.hpp"

namespace rppg {

class PulseSpectrum {
 public:
  // For up to `most_samples` samples at `rate` (Hz) that passed the filter of `options` forwards
  // and backwards. No line above `highest` (Hz) is looked for.
  PulseSpectrum(const Kernels& kernels, const PulseOptions& options, double rate,
                std::size_t most_samples, double highest, double bins_per_hz);

  // Works out the spectrum of the last `count` samples and its highest peaks, at most `most`;
  // returns how many there are. Allocates nothing.
  int analyse(const double* filtered, std::size_t count, int most);
  const Peak& peak(int i) const { return peaks_[i]; }
  // The Hann window of `count` <= most_samples samples, until it is asked for another.
  const double* hann(std::size_t count) { return spectrum_.hann(count); }

  // What is known of a frequency (Hz) that need be no peak.
  Peak examine(double frequency) const { return spectrum_.examine(frequency); }

  // Whether a peak at `frequency` (Hz) is but an overtone or an alias of a line outside the band.
  bool is_echo(double frequency) const;

 private:
  // The strongest line from `low` to `high` (Hz), with the band-pass undone.
  double strongest(double low, double high) const;

  double low_, high_, highest_;
  Spectrum spectrum_;
  Peak peaks_[kMostPeaks];
  double strongest_above_ = 0;  // of the lines above the band, from which aliases come
  std::vector<double> undo_;    // what the band-pass did to the power of each bin, inverted
};

}  // namespace rppg
