#include "spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace rppg {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kBinsPerHz = 120.0;      // 0.5 bpm
constexpr double kRounding = 1e-13;       // of a mean over a window, relative
constexpr double kFastest = 1e5;          // Hz; keeps lengths within reason
constexpr double kSignalHalfWidth = 0.1;  // Hz around the peak and its harmonic

std::size_t padded_length(double rate, std::size_t samples) {
  const double wanted = std::max(rate * kBinsPerHz + 1.0, static_cast<double>(samples));
  std::size_t length = 4;
  while (static_cast<double>(length) < wanted) length *= 2;
  return length;
}

}  // namespace

void check_band(double low, double high, double rate) {
  if (!(rate > 0 && rate <= kFastest))
    throw std::invalid_argument("the sampling rate must be positive and at most 100 kHz, is " +
                                std::to_string(rate) + " Hz");
  if (!(0 < low && low < high && high < rate / 2))
    throw std::invalid_argument("the band " + std::to_string(low) + " to " + std::to_string(high) +
                                " Hz must lie between 0 and half the sampling rate of " +
                                std::to_string(rate) + " Hz");
}

RealFft::RealFft(std::size_t length) : half_(length / 2) {
  if (length < 4 || (length & (length - 1)) != 0)
    throw std::invalid_argument("the transform's length must be a power of two from 4, is " +
                                std::to_string(length));
  const auto add_factor = [](std::size_t k, std::size_t of, std::vector<double>& cosine,
                             std::vector<double>& sine) {
    const double angle = -2.0 * kPi * static_cast<double>(k) / static_cast<double>(of);
    cosine.push_back(std::cos(angle));
    sine.push_back(std::sin(angle));
  };
  // The factors of the pass of a span begin at index span - 1.
  for (std::size_t span = 1; span < half_; span *= 2)
    for (std::size_t k = 0; k < span; ++k) add_factor(k, 2 * span, pass_cosine_, pass_sine_);
  for (std::size_t k = 0; k <= half_; ++k) add_factor(k, length, cosine_, sine_);
  reversed_.resize(half_);
  for (std::size_t i = 1; i < half_; ++i)
    reversed_[i] = reversed_[i / 2] / 2 + (i % 2 ? half_ / 2 : 0);
  real_.resize(half_);
  imaginary_.resize(half_);
}

namespace {

// The neighbours of one pass: the loops below go over blocks that never overlap.
#if defined(__clang__)
#define RPPG_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define RPPG_INDEPENDENT _Pragma("GCC ivdep")
#endif

// One pair of blocks of a pass: (a, b) -> (a + w b, a - w b).
void butterflies(std::size_t span, const double* cosine, const double* sine, double* real,
                 double* imaginary) {
  double* const upper_real = real + span;
  double* const upper_imaginary = imaginary + span;
  RPPG_INDEPENDENT
  for (std::size_t k = 0; k < span; ++k) {
    const double re = cosine[k] * upper_real[k] - sine[k] * upper_imaginary[k];
    const double im = cosine[k] * upper_imaginary[k] + sine[k] * upper_real[k];
    upper_real[k] = real[k] - re;
    upper_imaginary[k] = imaginary[k] - im;
    real[k] += re;
    imaginary[k] += im;
  }
}

// The passes of `span` and 2 * span on four blocks at once: half the trips to memory. Factors of
// the second pass's upper half are those of the lower half, turned by a quarter.
void double_butterflies(std::size_t span, const double* cosine, const double* sine, double* real,
                        double* imaginary) {
  const double *const cosine2 = cosine + span, *const sine2 = sine + span;  // of the second pass
  double *const real1 = real + span, *const real2 = real1 + span, *const real3 = real2 + span;
  double* const imaginary1 = imaginary + span;
  double* const imaginary2 = imaginary1 + span;
  double* const imaginary3 = imaginary2 + span;
  RPPG_INDEPENDENT
  for (std::size_t k = 0; k < span; ++k) {
    const double re1 = cosine[k] * real1[k] - sine[k] * imaginary1[k];
    const double im1 = cosine[k] * imaginary1[k] + sine[k] * real1[k];
    const double re3 = cosine[k] * real3[k] - sine[k] * imaginary3[k];
    const double im3 = cosine[k] * imaginary3[k] + sine[k] * real3[k];
    const double sum_re = real[k] + re1, sum_im = imaginary[k] + im1;
    const double difference_re = real[k] - re1, difference_im = imaginary[k] - im1;
    const double even_re = real2[k] + re3, even_im = imaginary2[k] + im3;
    const double odd_re = real2[k] - re3, odd_im = imaginary2[k] - im3;
    const double low_re = cosine2[k] * even_re - sine2[k] * even_im;
    const double low_im = cosine2[k] * even_im + sine2[k] * even_re;
    const double high_re = cosine2[k] * odd_im + sine2[k] * odd_re;
    const double high_im = sine2[k] * odd_im - cosine2[k] * odd_re;
    real[k] = sum_re + low_re;
    imaginary[k] = sum_im + low_im;
    real2[k] = sum_re - low_re;
    imaginary2[k] = sum_im - low_im;
    real1[k] = difference_re + high_re;
    imaginary1[k] = difference_im + high_im;
    real3[k] = difference_re - high_re;
    imaginary3[k] = difference_im - high_im;
  }
}

}  // namespace

std::size_t RealFft::scatter(const double* samples, std::size_t count) {
  const std::size_t pairs = (count + 1) / 2;
  std::size_t filled = 1;
  while (filled < pairs) filled *= 2;
  // In the order of reversed bits every value is followed by so many zeros, and the passes over
  // those only repeat it.
  const std::size_t repeats = half_ / filled;
  for (std::size_t i = 0; i < filled; ++i) {
    const double re = 2 * i < count ? samples[2 * i] : 0.0;
    const double im = 2 * i + 1 < count ? samples[2 * i + 1] : 0.0;
    std::fill_n(real_.data() + reversed_[i], repeats, re);
    std::fill_n(imaginary_.data() + reversed_[i], repeats, im);
  }
  return repeats;
}

void RealFft::power(const double* samples, std::size_t count, double* power, std::size_t bins) {
  std::size_t span = scatter(samples, count);
  const auto pass = [&](std::size_t width, auto&& run) {
    const double *cosine = pass_cosine_.data() + span - 1, *sine = pass_sine_.data() + span - 1;
    for (std::size_t block = 0; block < half_; block += width * span)
      run(span, cosine, sine, real_.data() + block, imaginary_.data() + block);
    span *= width;
  };
  while (4 * span <= half_) pass(4, double_butterflies);
  if (span < half_) pass(2, butterflies);
  untangle(power, bins);
}

void RealFft::untangle(double* power, std::size_t bins) const {
  const double sum = real_[0] + imaginary_[0], difference = real_[0] - imaginary_[0];
  power[0] = sum * sum;
  if (bins > half_) power[half_] = difference * difference;
  const double *mirror_real = real_.data() + half_, *mirror_imaginary = imaginary_.data() + half_;
  const auto end = static_cast<std::ptrdiff_t>(std::min(bins, half_));
  RPPG_INDEPENDENT
  for (std::ptrdiff_t k = 1; k < end; ++k) {
    const double even_re = 0.5 * (real_[k] + mirror_real[-k]);
    const double even_im = 0.5 * (imaginary_[k] - mirror_imaginary[-k]);
    const double odd_re = 0.5 * (imaginary_[k] + mirror_imaginary[-k]);
    const double odd_im = 0.5 * (mirror_real[-k] - real_[k]);
    const double re = even_re + cosine_[k] * odd_re - sine_[k] * odd_im;
    const double im = even_im + cosine_[k] * odd_im + sine_[k] * odd_re;
    power[k] = re * re + im * im;
  }
}

Spectrum::Spectrum(double rate, double low, double high, std::size_t max_samples, double highest)
    : length_((check_band(low, high, rate), padded_length(rate, max_samples))),
      max_samples_(max_samples),
      fft_(length_) {
  if (max_samples < 2)
    throw std::invalid_argument("a spectrum needs at least 2 samples, not " +
                                std::to_string(max_samples));
  bin_hz_ = rate / static_cast<double>(length_);
  first_ = std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(low / bin_hz_)));
  last_ = std::min(length_ / 2 - 1, static_cast<std::size_t>(std::floor(high / bin_hz_)));
  hann_.resize(max_samples);
  buffer_.resize(max_samples);
  const double bins = std::ceil(std::max(highest, high) / bin_hz_) + 2.0;
  power_.resize(bins < static_cast<double>(length_ / 2 + 1) ? static_cast<std::size_t>(bins)
                                                            : length_ / 2 + 1);
}

void Spectrum::analyse(const double* samples, std::size_t count) {
  if (count < 2 || count > max_samples_)
    throw std::invalid_argument("a spectrum takes from 2 to " + std::to_string(max_samples_) +
                                " samples, not " + std::to_string(count));
  if (count != hann_count_) {
    for (std::size_t i = 0; i < count; ++i)
      hann_[i] = 0.5 - 0.5 * std::cos(2.0 * kPi * (static_cast<double>(i) + 0.5) /
                                      static_cast<double>(count));
    hann_count_ = count;
  }
  double mean = 0;
  for (std::size_t i = 0; i < count; ++i) mean += samples[i];
  mean /= static_cast<double>(count);
  double largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    buffer_[i] = (samples[i] - mean) * hann_[i];
    largest = std::max(largest, std::abs(buffer_[i]));
  }
  // What is left of a constant is rounding errors: they have peaks, but mean nothing.
  if (!(largest > kRounding * std::abs(mean))) std::fill_n(buffer_.data(), count, 0.0);
  fft_.power(buffer_.data(), count, power_.data(), power_.size());
}

int Spectrum::find_peaks(Peak* peaks, int most) const {
  std::size_t highest[kMostPeaks];
  most = std::min(most, kMostPeaks);
  int found = 0;
  for (std::size_t k = first_; k <= last_; ++k) {
    if (!(power_[k] > power_[k - 1] && power_[k] >= power_[k + 1])) continue;
    int place = found;
    while (place > 0 && power_[k] > power_[highest[place - 1]]) --place;
    if (place == most) continue;
    found = std::min(found + 1, most);
    std::copy_backward(highest + place, highest + found - 1, highest + found);
    highest[place] = k;
  }
  for (int i = 0; i < found; ++i) peaks[i] = interpolate(highest[i]);
  return found;
}

Peak Spectrum::interpolate(std::size_t bin) const {
  const double left = power_[bin - 1], centre = power_[bin], right = power_[bin + 1];
  const double curvature = left - 2.0 * centre + right;
  const double shift = curvature < 0 ? 0.5 * (left - right) / curvature : 0.0;
  const double frequency = (static_cast<double>(bin) + shift) * bin_hz_;
  return {frequency, snr_db(frequency)};
}

double Spectrum::snr_db(double frequency) const {
  double signal = 0, noise = 0;
  std::size_t k = first_;
  // Adds the bins before `f` (Hz), or up to it.
  const auto add = [&](double f, bool inclusive, double& sum) {
    const double bin = f / bin_hz_;
    const double end = std::max(0.0, inclusive ? std::floor(bin) + 1.0 : std::ceil(bin));
    for (; k <= last_ && static_cast<double>(k) < end; ++k) sum += power_[k];
  };
  for (const double line : {frequency, 2.0 * frequency}) {
    add(line - kSignalHalfWidth, false, noise);
    add(line + kSignalHalfWidth, true, signal);
  }
  for (; k <= last_; ++k) noise += power_[k];
  if (!(noise > 0)) return std::numeric_limits<double>::quiet_NaN();
  return 10.0 * std::log10(signal / noise);
}

}  // namespace rppg
