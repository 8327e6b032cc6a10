#include "pulse.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <stdexcept>
#include <string>

#include "confidence.hpp"

namespace rppg {
namespace {

constexpr double kPi = 3.14159265358979323846;

// A clip of 10 s has no frame at 10 s: its pulse ends one frame step earlier.
constexpr double kWindowSlack = 0.1;  // s, one step at 10 fps

// A heart below the band, or a slow sway of the head, shows its overtones inside the band, and a
// heart above it its aliases: both are weaker than the line that they come from. Chosen so that no
// right reading of the synthetic validation clips was refused; tests/test_monitor.py has such
// hearts and such light.
constexpr double kOvertoneRatio = 4.0;
constexpr double kAliasRatio = 1.0;
constexpr double kLineWidth = 0.05;  // Hz to either side
constexpr double kLeastGain = 1e-6;  // below it the filter leaves rounding errors only

constexpr double kNarrowestBand = 1.0;  // Hz

// Share of the Nyquist rate that will do: a camera of 8 frames a second is not exact.
constexpr double kRateTolerance = 0.98;

// Root mean square below which a window holds rounding errors only.
constexpr double kSilence = 1e-9;

// Of a window, or of a gap that is bridged, and how many signals: more is a slip of the user's.
constexpr double kMostSamples = 1e6;
constexpr int kMostChannels = 1000;

void require_positive(double value, const char* what) {
  if (!(std::isfinite(value) && value > 0))
    throw std::invalid_argument(std::string(what) + " must be positive, is " +
                                std::to_string(value));
}

// Above it, Hz, no line is looked for of which a peak could be the alias.
double highest_line(const PulseOptions& options) {
  return std::min(2.0 * options.high, 0.45 * options.rate);
}

std::size_t window_samples(const PulseOptions& options) {
  if (options.high - options.low < kNarrowestBand)
    throw std::invalid_argument("the band " + std::to_string(options.low) + " to " +
                                std::to_string(options.high) +
                                " Hz must be at least 1 Hz wide: a signal-to-noise ratio needs a "
                                "band around the peak");
  if (!(options.min_confidence >= 0 && options.min_confidence <= 1))
    throw std::invalid_argument("the least confidence must lie between 0 and 1, is " +
                                std::to_string(options.min_confidence));
  if (options.peaks < 1 || options.peaks > kMostPeaks)
    throw std::invalid_argument("the number of peaks must be from 1 to " +
                                std::to_string(kMostPeaks) + ", is " +
                                std::to_string(options.peaks));
  require_positive(options.window, "the window");
  const double samples = std::round(options.window * options.rate);
  if (options.window * options.low < 2.0)
    throw std::invalid_argument("a window of " + std::to_string(options.window) +
                                " s holds fewer than two beats at the band's lower edge of " +
                                std::to_string(options.low) + " Hz");
  if (samples > kMostSamples)
    throw std::invalid_argument("a window of " + std::to_string(options.window) + " s is too long");
  return static_cast<std::size_t>(samples);
}

// The section with poles p and q, zeros at 1 and -1, and gain 1 at the angle `centre`.
Section make_section(std::complex<double> p, std::complex<double> q, double centre) {
  const double a1 = -(p + q).real(), a2 = (p * q).real();
  const std::complex<double> z = std::polar(1.0, -centre);
  const double gain = std::abs((1.0 + a1 * z + a2 * z * z) / (1.0 - z * z));
  return {gain, 0.0, -gain, a1, a2};
}

}  // namespace

Resampler::Resampler(double rate, int channels, double max_gap) : rate_(rate), clock_(max_gap) {
  require_positive(rate, "the sampling rate");
  if (channels < 1 || channels > kMostChannels)
    throw std::invalid_argument("the number of channels must be from 1 to " +
                                std::to_string(kMostChannels) + ", is " + std::to_string(channels));
  if (rate * max_gap > kMostSamples)
    throw std::invalid_argument("a gap of " + std::to_string(max_gap) +
                                " s is too long to be bridged at " + std::to_string(rate) + " Hz");
  last_.resize(static_cast<std::size_t>(channels));
  integral_.resize(static_cast<std::size_t>(channels));
}

void Resampler::restart(double time, const double* values) {
  mean_step_ = 0;
  origin_ = cursor_ = time;
  cells_ = 0;
  last_.assign(values, values + last_.size());
  std::fill(integral_.begin(), integral_.end(), 0.0);
}

void Resampler::integrate(double last, double time, const double* values, double end) {
  const double until = std::min(end, time);
  if (until > cursor_) {
    const double share = (0.5 * (cursor_ + until) - last) / (time - last);
    for (std::size_t c = 0; c < last_.size(); ++c)
      integral_[c] += (until - cursor_) * (last_[c] + share * (values[c] - last_[c]));
    cursor_ = until;
  }
  if (end > cursor_) {  // a cell that ends just after the last time: hold its value, extend no line
    for (std::size_t c = 0; c < last_.size(); ++c) integral_[c] += (end - cursor_) * values[c];
    cursor_ = end;
  }
}

void Resampler::reset() {
  clock_.reset();
  mean_step_ = 0;
}

double Resampler::value_rate() const {
  return mean_step_ > 0 ? 1.0 / mean_step_ : std::numeric_limits<double>::infinity();
}

void Resampler::count_step(double step) {
  constexpr double kRemembered = 16.0;
  mean_step_ += (step - mean_step_) / kRemembered;
}

BandPass::BandPass(double low, double high, double rate, int order) : rate_(rate) {
  check_band(low, high, rate);
  if (order < 1 || order > 8)
    throw std::invalid_argument("the filter's order must be from 1 to 8, is " +
                                std::to_string(order));
  // Analogue band edges that the bilinear transform moves to the wanted ones.
  const auto warp = [&](double f) { return 2.0 * rate * std::tan(kPi * f / rate); };
  const double width = warp(high) - warp(low), centre2 = warp(low) * warp(high);
  const auto digital = [&](std::complex<double> s) { return (2.0 * rate + s) / (2.0 * rate - s); };
  const double centre = 2.0 * std::atan(std::sqrt(centre2) / (2.0 * rate));

  // Each pole of the low-pass prototype gives the two roots of s^2 - p width s + centre^2.
  for (int k = 0; k < (order + 1) / 2; ++k) {
    const std::complex<double> prototype = std::polar(1.0, kPi * (2 * k + order + 1) / (2 * order));
    const std::complex<double> half = 0.5 * width * prototype;
    const std::complex<double> root = std::sqrt(half * half - centre2);
    const std::complex<double> p = digital(half + root), q = digital(half - root);
    if (2 * k + 1 == order) {
      sections_.push_back(make_section(p, q, centre));  // the real pole: its roots are a pair
    } else {
      sections_.push_back(make_section(p, std::conj(p), centre));
      sections_.push_back(make_section(q, std::conj(q), centre));
    }
  }
  states_.resize(sections_.size());
}

double BandPass::gain(double frequency) const {
  const std::complex<double> z = std::polar(1.0, -2.0 * kPi * frequency / rate_);
  double power = 1.0;
  for (const Section& s : sections_)
    power *= std::norm((s.b0 + s.b1 * z + s.b2 * z * z) / (1.0 + s.a1 * z + s.a2 * z * z));
  return power;
}

double BandPass::step(double sample) {
  for (std::size_t i = 0; i < sections_.size(); ++i) {
    const Section& section = sections_[i];
    State& state = states_[i];
    const double out = section.b0 * sample + state.s1;
    state.s1 = section.b1 * sample - section.a1 * out + state.s2;
    state.s2 = section.b2 * sample - section.a2 * out;
    sample = out;
  }
  return sample;
}

void BandPass::reset() { std::fill(states_.begin(), states_.end(), State{}); }

PulseWindow::PulseWindow(const PulseOptions& options, const Kernels& kernels)
    : options_(options),
      band_pass_(options.low, options.high, options.rate, options.order),
      ring_(window_samples(options)),
      ordered_(ring_.size()),
      needed_(ring_.size() - std::min(ring_.size() / 2, static_cast<std::size_t>(std::round(
                                                            kWindowSlack * options.rate)))),
      spectrum_(kernels, options.rate, options.low, options.high, ring_.size(),
                highest_line(options)),
      witness_(kernels, options.rate, options.low, options.high, ring_.size()),
      undo_(spectrum_.power().size()) {
  for (std::size_t k = 0; k < undo_.size(); ++k)
    undo_[k] =
        1.0 / std::max(band_pass_.gain(static_cast<double>(k) * spectrum_.bin_hz()), kLeastGain);
}

double PulseWindow::strongest(double low, double high) const {
  const auto& power = spectrum_.power();
  const auto bin = [&](double f) { return f / spectrum_.bin_hz(); };
  const auto first = static_cast<std::size_t>(std::ceil(std::max(0.0, bin(low))));
  const auto last = std::min(power.size() - 1, static_cast<std::size_t>(std::max(0.0, bin(high))));
  double most = 0;
  for (std::size_t k = first; k <= last; ++k) most = std::max(most, power[k] * undo_[k]);
  return most;
}

bool PulseWindow::is_echo(double frequency) const {
  const auto line = [&](double f) { return strongest(f - kLineWidth, f + kLineWidth); };
  const double peak = line(frequency);
  for (const double divisor : {2.0, 3.0})
    if (frequency / divisor < options_.low && line(frequency / divisor) > kOvertoneRatio * peak)
      return true;
  return strongest_above_ > kAliasRatio * peak;
}

void PulseWindow::restart(double start, bool after_gap) {
  band_pass_.reset();
  witness_.restart();
  head_ = size_ = since_too_slow_ = 0;
  total_ = 0;
  start_ = start;
  after_gap_ = after_gap;
}

bool PulseWindow::is_too_slow(double frame_rate) const {
  return frame_rate < kRateTolerance * 2.0 * options_.high;
}

void PulseWindow::push(double sample, const double* witnesses, bool too_slow) {
  witness_.push(witnesses);
  ring_[head_] = band_pass_.step(sample);
  head_ = (head_ + 1) % ring_.size();
  size_ = std::min(size_ + 1, ring_.size());
  since_too_slow_ = too_slow ? 0 : std::min(since_too_slow_ + 1, ring_.size());
  ++total_;
}

void PulseWindow::copy_newest(std::size_t count, double* out) const {
  const std::size_t first = (head_ + ring_.size() - count) % ring_.size();
  const std::size_t until_wrap = std::min(count, ring_.size() - first);
  std::copy_n(ring_.begin() + static_cast<std::ptrdiff_t>(first), until_wrap, out);
  std::copy_n(ring_.begin(), count - until_wrap, out + until_wrap);
}

Reading PulseWindow::read() {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const double end = start_ + static_cast<double>(total_) / options_.rate;
  const double begin = end - static_cast<double>(size_) / options_.rate;
  if (size_ < needed_)
    return {after_gap_ ? Status::gap : Status::warming_up, kNone, kNone, kNone, begin, end};
  if (since_too_slow_ < size_) return {Status::gap, kNone, kNone, kNone, begin, end};

  Reading best{Status::low_signal, kNone, kNone, kNone, begin, end};
  const int found = find_peaks();
  for (int i = 0; i < found; ++i) {
    const Peak& peak = peaks_[i];
    const double sure = weigh(peak);
    if (sure >= options_.min_confidence)
      return {Status::ok, 60.0 * peak.frequency, peak.snr_db, sure, begin, end};
    if (i == 0) best.snr_db = peak.snr_db, best.confidence = sure;
  }
  return best;
}

int PulseWindow::find_peaks() {
  copy_newest(size_, ordered_.data());
  double energy = 0;
  for (std::size_t i = 0; i < size_; ++i) energy += ordered_[i] * ordered_[i];
  if (!(std::sqrt(energy / static_cast<double>(size_)) > kSilence)) return 0;
  spectrum_.analyse(ordered_.data(), size_);
  strongest_above_ = strongest(options_.high + 2.0 * kLineWidth, highest_line(options_));
  witness_.look(ordered_.data(), size_);
  return spectrum_.find_peaks(peaks_, options_.peaks);
}

double PulseWindow::weigh(const Peak& peak) {
  return is_echo(peak.frequency) ? 0.0 : confidence(witness_.testify(peak));
}

std::vector<PulseWindow::Candidate> PulseWindow::candidates() {
  std::vector<Candidate> all;
  const int found = size_ < needed_ ? 0 : find_peaks();
  for (int i = 0; i < found; ++i)
    all.push_back({peaks_[i], witness_.testify(peaks_[i]), weigh(peaks_[i])});
  return all;
}

}  // namespace rppg
