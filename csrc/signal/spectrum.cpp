#include "signal/spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "kernels/double2.hpp"
#include "signal/elementary.hpp"

namespace rppg {
namespace {

constexpr double kPi = 3.14159265358979323846;
// Rows between the real and the imaginary values, so that they do not compete for the same cache
// lines.
constexpr std::size_t kApart = 5;
constexpr double kRounding = 1e-13;       // rounding error of a mean over a window, relative
constexpr double kFastest = 1e5;          // Hz; keeps lengths within reason
constexpr double kSignalHalfWidth = 0.1;  // Hz around the peak and its harmonic
// In units of the resolution, 1 / window length: the distance from a line and its harmonic beyond
// which power belongs to another line, and the step between the values that the median is taken of.
constexpr double kRivalDistance = 2.5, kMedianStep = 0.6;
constexpr double kLeastShare = 1e-4;  // of power; smaller shares are not distinguished

std::size_t padded_length(double rate, std::size_t samples, double bins_per_hz) {
  const double wanted = std::max(rate * bins_per_hz + 1.0, static_cast<double>(samples));
  std::size_t length = 2 * kFftLanes;
  while (static_cast<double>(length) < wanted) length *= 2;
  return length;
}

// Sums in four independent parts, so that no addition waits for another.
double total(const double* from, const double* to) {
  Double2 sums[2] = {};
  for (; to - from >= 4; from += 4)
    for (int i = 0; i < 2; ++i) sums[i] += load(from + 2 * i);
  for (; from < to; ++from) sums[0][0] += *from;
  return (sums[0][0] + sums[0][1]) + (sums[1][0] + sums[1][1]);
}

// The largest value, or 0 if none is positive; in four independent parts like `total`.
double largest(const double* from, const double* to) {
  Double2 most[2] = {};
  for (; to - from >= 4; from += 4)
    for (int i = 0; i < 2; ++i) most[i] = greater(load(from + 2 * i), most[i]);
  for (; from < to; ++from) most[0][0] = std::max(most[0][0], *from);
  return greatest(greater(most[0], most[1]));
}

double ratio(double part, double whole) { return elementary::log10(part / whole + kLeastShare); }

}  // namespace

void check_rate(double rate) {
  if (!(rate > 0 && rate <= kFastest))
    throw std::invalid_argument("the sampling rate must be positive and at most 100 kHz, is " +
                                std::to_string(rate) + " Hz");
}

void check_band(double low, double high, double rate) {
  check_rate(rate);
  if (!(0 < low && low < high && high < rate / 2))
    throw std::invalid_argument("the band " + std::to_string(low) + " to " + std::to_string(high) +
                                " Hz must lie between 0 and half the sampling rate of " +
                                std::to_string(rate) + " Hz");
}

RealFft::RealFft(const Kernels& kernels, std::size_t length, std::size_t most)
    : kernels_(kernels), half_(length / 2), reversed_(half_ / kFftLanes) {
  if (length < 2 * kFftLanes || (length & (length - 1)) != 0)
    throw std::invalid_argument("the transform's length must be a power of two from 16, is " +
                                std::to_string(length));
  const auto angle = [](std::size_t k, std::size_t of) {
    return -2.0 * kPi * static_cast<double>(k) / static_cast<double>(of);
  };
  const auto add_factor = [&](std::size_t k, std::size_t of, std::vector<double>& cosine,
                              std::vector<double>& sine) {
    cosine.push_back(elementary::cos(angle(k, of)));
    sine.push_back(elementary::sin(angle(k, of)));
  };
  const std::size_t points = reversed_.size();
  for (std::size_t k = 0; k < points; ++k) add_factor(k, points, cosine_, sine_);
  for (std::size_t k = 0; k <= half_; ++k) add_factor(k, length, untangle_cosine_, untangle_sine_);
  lane_cosine_.resize((most + 1) / 2);
  lane_sine_.resize((most + 1) / 2);
  for (std::size_t n = 0; n < lane_sine_.size(); ++n)
    for (std::size_t r = 0; r < kFftLanes; ++r) {
      lane_cosine_[n].values[r] = elementary::cos(angle(n * r % half_, half_));
      lane_sine_[n].values[r] = elementary::sin(angle(n * r % half_, half_));
    }
  for (std::size_t i = 1; i < points; ++i)
    reversed_[i] = reversed_[i / 2] / 2 + (i % 2 ? points / 2 : 0);
  work_.resize(2 * points + kApart);
}

void RealFft::power(const double* samples, std::size_t pairs, double* power, std::size_t bins) {
  const std::size_t points = reversed_.size();
  kernels_.power({points, reversed_.data(), cosine_.data(), sine_.data(), lane_cosine_.data(),
                  lane_sine_.data(), untangle_cosine_.data(), untangle_sine_.data()},
                 samples, pairs, work_.data(), work_.data() + points + kApart, power, bins);
}

const double* Hann::of(std::size_t count) {
  if (count != count_) {
    for (std::size_t i = 0; i < count; ++i)
      values_[i] = 0.5 - 0.5 * elementary::cos(2.0 * kPi * (static_cast<double>(i) + 0.5) /
                                               static_cast<double>(count));
    count_ = count;
  }
  return values_.data();
}

Spectrum::Spectrum(const Kernels& kernels, double rate, double low, double high,
                   std::size_t max_samples, double highest, double bins_per_hz)
    : length_((check_band(low, high, rate), padded_length(rate, max_samples, bins_per_hz))),
      max_samples_(max_samples),
      fft_(kernels, length_, max_samples),
      hann_(std::make_shared<Hann>(max_samples)) {
  if (max_samples < 2)
    throw std::invalid_argument("a spectrum needs at least 2 samples, not " +
                                std::to_string(max_samples));
  bin_hz_ = rate / static_cast<double>(length_);
  first_ = std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(low / bin_hz_)));
  last_ = std::min(length_ / 2 - 1, static_cast<std::size_t>(std::floor(high / bin_hz_)));
  buffer_.resize(max_samples + 1);  // one more, because the last pair may be half full
  few_.resize(last_ < first_ ? 0
                             : last_ - first_ + 1);  // sized here, so that a copy has this room too
  const double bins = std::ceil(std::max(highest, high) / bin_hz_) + 2.0;
  const std::size_t most = length_ / 2 + 1;
  power_.resize(bins < static_cast<double>(most) ? static_cast<std::size_t>(bins) : most);
}

void Spectrum::analyse(const double* samples, std::size_t count) {
  if (count < 2 || count > max_samples_)
    throw std::invalid_argument("a spectrum takes from 2 to " + std::to_string(max_samples_) +
                                " samples, not " + std::to_string(count));
  count_ = count;
  const double* const hann = hann_->of(count);
  const double mean = total(samples, samples + count) / static_cast<double>(count);
  double* const buffer = buffer_.data();
  for (std::size_t i = 0; i < count; ++i) buffer[i] = (samples[i] - mean) * hann[i];
  // What remains of a constant signal is rounding errors. Their peaks mean nothing and are removed.
  const double rounding = kRounding * std::abs(mean);
  const bool moves =
      std::any_of(buffer, buffer + count, [=](double x) { return std::abs(x) > rounding; });
  if (!moves) std::fill_n(buffer, count, 0.0);
  buffer[count] = 0.0;
  fft_.power(buffer, (count + 1) / 2, power_.data(), power_.size());
}

int Spectrum::find_peaks(Peak* peaks, int most) {
  std::size_t highest[kMostPeaks];
  most = std::min(most, kMostPeaks);
  int found = 0;
  median_ = most_ = 0;
  const double* const power = power_.data();
  bool rises = power[first_] > power[first_ - 1];
  for (std::size_t k = first_; k <= last_; ++k) {
    const bool rose = rises;
    rises = power[k + 1] > power[k];
    if (!rose || rises) continue;
    int place = found;
    while (place > 0 && power[k] > power[highest[place - 1]]) --place;
    if (place == most) continue;
    found = std::min(found + 1, most);
    std::copy_backward(highest + place, highest + found - 1, highest + found);
    highest[place] = k;
  }
  if (found == 0) return 0;
  median_ = typical();
  most_ = power_[highest[0]];
  for (int i = 0; i < found; ++i) peaks[i] = describe(interpolate(highest[i]), power_[highest[i]]);
  return found;
}

Peak Spectrum::examine(double frequency) const {
  const auto bin =
      std::clamp(static_cast<std::size_t>(std::lround(frequency / bin_hz_)), first_, last_);
  return describe(frequency, power_[bin]);
}

Peak Spectrum::describe(double frequency, double power) const {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (!(most_ > 0)) return {frequency, kNone, ratio(0, 1), ratio(0, 1), 0};
  const double at_least = std::max(power, most_ * kLeastShare * kLeastShare);
  return {frequency, snr_db(frequency), ratio(power, most_), -ratio(median_, at_least),
          ratio(strongest_besides(frequency), at_least)};
}

bool Spectrum::is_peak(std::size_t bin) const {
  return power_[bin] > power_[bin - 1] && power_[bin] >= power_[bin + 1];
}

double Spectrum::peak_share() const {
  bool found = false;
  double most = 0;
  for (std::size_t k = first_; k <= last_; ++k) {
    found = found || is_peak(k);
    most = std::max(most, power_[k]);
  }
  return found ? most / total(power_.data() + first_, power_.data() + last_ + 1) : 0.0;
}

double Spectrum::resolved() const {
  return static_cast<double>(length_) / static_cast<double>(count_);
}

double Spectrum::typical() {
  const auto step = std::max<std::size_t>(1, static_cast<std::size_t>(kMedianStep * resolved()));
  few_.clear();
  for (std::size_t k = first_; k <= last_; k += step) few_.push_back(power_[k]);
  const auto median = few_.begin() + static_cast<std::ptrdiff_t>(few_.size() / 2);
  std::nth_element(few_.begin(), median, few_.end());
  return *median;
}

double Spectrum::strongest_besides(double frequency) const {
  const double far = kRivalDistance * resolved();
  const double* const power = power_.data();
  double most = 0;
  std::size_t k = first_;
  for (const double line : {frequency / bin_hz_, 2.0 * frequency / bin_hz_}) {
    most = std::max(most, largest(power + k, power + bound(std::ceil(line - far))));
    k = std::max(k, bound(std::floor(line + far) + 1.0));
  }
  return std::max(most, largest(power + k, power + last_ + 1));
}

double Spectrum::interpolate(std::size_t bin) const {
  const double left = power_[bin - 1], centre = power_[bin], right = power_[bin + 1];
  const double curvature = left - 2.0 * centre + right;
  const double shift = curvature < 0 ? 0.5 * (left - right) / curvature : 0.0;
  return (static_cast<double>(bin) + shift) * bin_hz_;
}

double Spectrum::snr_db(double frequency) const {
  double signal = 0, noise = 0;
  std::size_t k = first_;
  const auto add = [&](std::size_t end, double& sum) {
    if (k < end) sum += total(power_.data() + k, power_.data() + end);
    k = std::max(k, end);
  };
  for (const double line : {frequency, 2.0 * frequency}) {
    add(bound(std::ceil((line - kSignalHalfWidth) / bin_hz_)), noise);
    add(bound(std::floor((line + kSignalHalfWidth) / bin_hz_) + 1.0), signal);
  }
  add(last_ + 1, noise);
  if (!(noise > 0)) return std::numeric_limits<double>::quiet_NaN();
  return 10.0 * elementary::log10(signal / noise);
}

std::size_t Spectrum::bound(double bin) const {
  return std::min(last_ + 1, static_cast<std::size_t>(std::max(0.0, bin)));
}

}  // namespace rppg
