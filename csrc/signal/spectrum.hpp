// The power spectrum of a window of pulse, its peak inside the heart's band, and how clear it is.
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <vector>

#include "kernels/contract.hpp"

namespace rppg {

// Power of the discrete Fourier transform of real samples; the length is a power of two >= 16.
class RealFft {
 public:
  // For up to `most` samples, none beyond the length.
  RealFft(const Kernels& kernels, std::size_t length, std::size_t most);

  // Writes the first `bins` of the length / 2 + 1 values of |X|^2 of 2 * `pairs` samples, continued
  // with zeros. Allocates nothing.
  void power(const double* samples, std::size_t pairs, double* power, std::size_t bins);

 private:
  // Even samples as real and odd ones as imaginary parts: one complex transform of half the length.
  // Real and imaginary parts lie apart.
  const Kernels& kernels_;
  std::size_t half_;
  std::vector<std::size_t> reversed_;
  std::vector<double> cosine_, sine_, untangle_cosine_, untangle_sine_;
  std::vector<FftRow> lane_cosine_, lane_sine_, work_;
};

constexpr int kMostPeaks = 8;
constexpr double kBinsPerHz = 120.0;  // 0.5 bpm

struct Peak {
  double frequency;  // Hz, interpolated between bins
  double snr_db;     // power at the peak and its first harmonic against the rest of the band;
                     // NaN where the band is too narrow to have a rest
  // Ratios of power, log10: of the peak to the highest one and to the median of the band, and of
  // what is highest elsewhere to the peak.
  double height = 0, clearance = 0, rival = 0;
};

// The Hann window of as many samples as were asked for last.
class Hann {
 public:
  explicit Hann(std::size_t most) : values_(most) {}
  // Of `count` <= most samples.
  const double* of(std::size_t count);

 private:
  std::vector<double> values_;
  std::size_t count_ = 0;
};

// A copy has values of its own, but shares the Hann window: not for two threads at once.
class Spectrum {
 public:
  // `rate` and the band in Hz. Throws std::invalid_argument unless 0 < low < high < rate / 2 and
  // max_samples >= 2. The transform is padded with zeros until it has so many bins to a Hz. Bins
  // above `highest` and the band are not worked out.
  Spectrum(const Kernels& kernels, double rate, double low, double high, std::size_t max_samples,
           double highest = std::numeric_limits<double>::infinity(),
           double bins_per_hz = kBinsPerHz);

  // The spectrum of the last `count` <= max_samples samples: mean removed, Hann window, transform.
  // Allocates nothing.
  void analyse(const double* samples, std::size_t count);

  // The Hann window of `count` <= max_samples samples, until it is asked for another.
  const double* hann(std::size_t count) { return hann_->of(count); }

  // Writes the highest local maxima inside the band, at most `most`, the highest first; returns how
  // many there are. The band's edge is none: it can be the flank of something outside.
  int find_peaks(Peak* peaks, int most);

  // Power at a frequency (Hz) and its first harmonic against the rest of the band, dB; NaN where
  // there is no rest.
  double snr_db(double frequency) const;

  // What is known of a frequency (Hz) inside the band that need be no peak, after find_peaks.
  Peak examine(double frequency) const;
  // The largest share of the band's power that one bin holds; 0 where the band has no peak.
  double peak_share() const;

  double bin_hz() const { return bin_hz_; }
  const std::vector<double>& power() const { return power_; }

 private:
  // The frequency of a peak at a bin, Hz.
  double interpolate(std::size_t bin) const;
  Peak describe(double frequency, double power) const;
  // Whether a bin of the band is a local maximum.
  bool is_peak(std::size_t bin) const;
  // A bin (>= 0) as an end of bins inside the band.
  std::size_t bound(double bin) const;
  // Bins that a line is wide: what the window resolves. Some window has been analysed.
  double resolved() const;
  // The median of the band's power.
  double typical();
  // The most power in the band that is no part of a line at a frequency (Hz) and its harmonic.
  double strongest_besides(double frequency) const;

  double bin_hz_;
  std::size_t length_, max_samples_, first_, last_;  // bins of the band, both inclusive
  RealFft fft_;
  std::shared_ptr<Hann> hann_;
  std::vector<double> buffer_, power_, few_;
  std::size_t count_ = 0;         // of samples that were analysed last
  double median_ = 0, most_ = 0;  // of the band's power, since find_peaks
};

// Throws std::invalid_argument unless the rate is positive and at most 100 kHz.
void check_rate(double rate);
// Throws std::invalid_argument, also unless 0 < low < high < rate / 2.
void check_band(double low, double high, double rate);

}  // namespace rppg
