// The power spectrum of a window of pulse, its peaks inside the band, and how clear they are.
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
  // For up to `most` samples, which must not exceed `length`.
  RealFft(const Kernels& kernels, std::size_t length, std::size_t most);

  // Writes the first `bins` of the length / 2 + 1 values of |X|^2 of 2 * `pairs` samples, padded
  // with zeros. Allocates nothing.
  void power(const double* samples, std::size_t pairs, double* power, std::size_t bins);

 private:
  // One complex transform of half the length: even samples are the real parts, odd samples the
  // imaginary parts. Real and imaginary parts are stored in separate arrays.
  const Kernels& kernels_;
  std::size_t half_;
  std::vector<std::size_t> reversed_;
  std::vector<double> cosine_, sine_, untangle_cosine_, untangle_sine_;
  std::vector<FftRow> lane_cosine_, lane_sine_, work_;
};

constexpr int kMostPeaks = 8;
constexpr double kBinsPerHz = 120.0;  // bins are 0.5 bpm apart

struct Peak {
  double frequency;  // Hz, interpolated between bins
  double snr_db;  // power at the peak and its first harmonic relative to the rest of the band; NaN
                  // if the band has no rest
  // log10 of power ratios: the peak to the highest peak; the peak to the median of the band; and
  // the strongest line elsewhere in the band to the peak.
  double height = 0, peak_to_median = 0, second_peak_ratio = 0;
};

// The Hann window, kept for the number of samples that was requested last.
class Hann {
 public:
  explicit Hann(std::size_t most) : values_(most) {}
  // The window for `count` <= most samples.
  const double* of(std::size_t count);

 private:
  std::vector<double> values_;
  std::size_t count_ = 0;
};

// A copy has its own values but shares the Hann window. Therefore an object and its copies must not
// be used by two threads at the same time.
class Spectrum {
 public:
  // `rate` and the band (`low`, `high`) are in Hz. Throws std::invalid_argument unless 0 < low <
  // high < rate / 2 and max_samples >= 2. The transform is padded with zeros to at least
  // `bins_per_hz` bins per Hz. Bins above both `highest` (Hz) and the band are not computed.
  Spectrum(const Kernels& kernels, double rate, double low, double high, std::size_t max_samples,
           double highest = std::numeric_limits<double>::infinity(),
           double bins_per_hz = kBinsPerHz);

  // Computes the spectrum of the last `count` <= max_samples samples: the mean is removed, the Hann
  // window is applied, and the result is transformed. Allocates nothing.
  void analyse(const double* samples, std::size_t count);

  // The Hann window for `count` <= max_samples samples; valid until another length is requested.
  const double* hann(std::size_t count) { return hann_->of(count); }

  // Writes the highest local maxima inside the band, at most `most`, the highest first; returns
  // their number. A maximum at the band's edge does not count: it can be the flank of a line
  // outside.
  int find_peaks(Peak* peaks, int most);

  // Power at a frequency (Hz) and its first harmonic relative to the rest of the band, in dB; NaN
  // if there is no rest.
  double snr_db(double frequency) const;

  // Describes a frequency (Hz) inside the band that need not be a peak. Call it after find_peaks.
  Peak examine(double frequency) const;
  // The largest share of the band's power in one bin; 0 if the band has no peak.
  double peak_share() const;

  double bin_hz() const { return bin_hz_; }
  const std::vector<double>& power() const { return power_; }

 private:
  // The frequency of a peak at `bin`, Hz, interpolated between bins.
  double interpolate(std::size_t bin) const;
  Peak describe(double frequency, double power) const;
  // Whether a bin of the band is a local maximum.
  bool is_peak(std::size_t bin) const;
  // Converts a bin (>= 0) to the end of a range of bins in the band.
  std::size_t bound(double bin) const;
  // Width of a line in bins, which is the window's resolution. Call it after `analyse`.
  double resolved() const;
  // The median of the band's power.
  double typical();
  // The largest power in the band outside the line at `frequency` (Hz) and its harmonic.
  double strongest_besides(double frequency) const;

  double bin_hz_;
  std::size_t length_, max_samples_, first_, last_;  // bins of the band, both inclusive
  RealFft fft_;
  std::shared_ptr<Hann> hann_;
  std::vector<double> buffer_, power_, few_;
  std::size_t count_ = 0;         // number of samples analysed last
  double median_ = 0, most_ = 0;  // median and largest peak of the band's power, set by find_peaks
};

// Throws std::invalid_argument unless the rate is positive and at most 100 kHz.
void check_rate(double rate);
// Throws std::invalid_argument as check_rate does, and unless 0 < low < high < rate / 2 (Hz).
void check_band(double low, double high, double rate);

}  // namespace rppg
