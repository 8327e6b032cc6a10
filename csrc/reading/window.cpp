#include "reading/window.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "reading/confidence.hpp"
#include "signal/require.hpp"

namespace rppg {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// A clip of 10 s has no frame at exactly 10 s: its pulse ends one frame earlier.
constexpr double kWindowSlack = 0.1;  // s, one step at 10 fps

constexpr double kNarrowestBand = 1.0;  // Hz
constexpr double kFewestBeats = 2.0;    // in a window, at the band's lower edge

// Share of twice the band's upper edge that a frame rate must reach. It is below 1, because the
// rate of a camera with nominally 8 frames a second is not exact.
constexpr double kRateTolerance = 0.98;

// Range of a pulse below which a window contains rounding errors only.
constexpr double kSilence = 1e-9;

// Limit for the samples in a window; larger values are mistakes of the caller.
constexpr double kMostSamples = 1e6;

// Peaks of two methods that are closer than this are one candidate, Hz: half the resolution of a
// window of 10 s.
constexpr double kSamePeak = 0.05;

// Samples between two renewals of the second opinions. In 0.1 s a window hardly changes, and the
// second opinions cost as much time as the rest of a reading.
constexpr std::size_t kRenewal = 3;
// The same for the temporal network, which costs more, while the window grows, and when it is full:
// the longer the window, the less of it is new.
constexpr std::size_t kTemporalRenewal = 15, kFullRenewal = 30;

// Whether a pulse varies by rounding errors only. For a real pulse, the first few samples decide.
bool is_silent(const double* pulse, std::size_t count) {
  double least = pulse[0], most = pulse[0];
  for (std::size_t i = 1; i < count; ++i) {
    least = std::min(least, pulse[i]);
    most = std::max(most, pulse[i]);
    if (most - least > kSilence) return false;
  }
  return true;
}

// The highest frequency (Hz) at which lines are searched whose aliases could be peaks.
double highest_line(const PulseOptions& options) {
  return std::min(2.0 * options.high, 0.45 * options.rate);
}

// Returns the options; throws std::invalid_argument if they are invalid.
PulseOptions checked(const PulseOptions& options) {
  check_band(options.low, options.high, options.rate);
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
  require_positive(options.min_window, "the least window");
  if (options.window * options.low < kFewestBeats)
    throw std::invalid_argument("a window of " + std::to_string(options.window) +
                                " s holds fewer than two beats at the band's lower edge of " +
                                std::to_string(options.low) + " Hz");
  if (options.window * options.rate > kMostSamples)
    throw std::invalid_argument("a window of " + std::to_string(options.window) + " s is too long");
  return options;
}

std::size_t window_samples(const PulseOptions& options) {
  return static_cast<std::size_t>(std::round(options.window * options.rate));
}

// Samples that frames must cover for a reading: those of `min_window`, but at least two beats, and
// enough for a spectrum of the coarse samples.
std::size_t needed_samples(const PulseOptions& options) {
  const double least = std::max(options.min_window, kFewestBeats / options.low);
  const double seconds = std::min(least, options.window) - kWindowSlack;
  const std::size_t coarse = coarseness(options.rate, options.high, window_samples(options));
  return std::max(static_cast<std::size_t>(std::max(0.0, std::round(seconds * options.rate))),
                  2 * coarse + std::max(kRenewal, kFullRenewal) - 1);
}

}  // namespace

PulseWindow::PulseWindow(const PulseOptions& options, const Kernels& kernels,
                         std::shared_ptr<const TemporalWeights> temporal)
    : options_(checked(options)),
      needed_(needed_samples(options)),
      levels_(window_samples(options)),
      live_(levels_),
      colors_{levels_, levels_, levels_},
      missing_(levels_.rows()),
      band_pass_(options.low, options.high, options.rate, options.order),
      zero_phase_(band_pass_, capacity()),
      spectrum_(kernels, options, options.rate, capacity(), highest_line(options), kBinsPerHz),
      color_window_(options, kernels, options.rate, uses_network(options.method) ? 2 : capacity()),
      second_(options, kernels, capacity()),
      temporal_(options, kernels, std::move(temporal), capacity()),
      regions_(kernels, options.rate, options.low, options.high, capacity()),
      color_pulse_(capacity()),
      color_live_(capacity()),
      filtered_(capacity()) {}

void PulseWindow::restart(double start, bool after_gap) {
  band_pass_.reset();
  regions_.restart();
  size_ = seen_ = since_too_slow_ = 0;
  total_ = extracted_ = asked_ = asked_temporal_ = read_ = 0;
  temporal_.forget();
  start_ = start;
  after_gap_ = after_gap;
}

bool PulseWindow::is_too_slow(double frame_rate) const {
  return frame_rate < kRateTolerance * 2.0 * options_.high;
}

void PulseWindow::push(const double* signals, bool missing, bool too_slow) {
  regions_.push(signals + 1 + kColors);
  if (size_ == capacity() && !*missing_.newest(size_)) --seen_;
  levels_.push(signals[0]);
  for (int c = 0; c < kColors; ++c) colors_[c].push(signals[1 + c]);
  missing_.push(missing);
  if (uses_network(options_.method)) live_.push(band_pass_.step(signals[0]));
  size_ = std::min(size_ + 1, capacity());
  seen_ += missing ? 0 : 1;
  since_too_slow_ = too_slow ? 0 : std::min(since_too_slow_ + 1, capacity());
  ++total_;
}

void PulseWindow::copy_live(std::size_t count, double* out) {
  if (uses_network(options_.method)) {
    std::copy_n(live_.newest(count), count, out);
  } else {
    extract();
    std::copy_n(color_live_.data() + (size_ - count), count, out);
  }
}

void PulseWindow::copy_unfiltered(std::size_t count, double* out) {
  std::copy_n(pulse() + (size_ - count), count, out);
}

void PulseWindow::copy_missing(std::size_t count, unsigned char* out) const {
  std::copy_n(missing_.newest(count), count, out);
}

void PulseWindow::filter(double* out) {
  std::copy_n(pulse(), size_, out);
  zero_phase_.run(out, missing_.newest(size_), size_, 1);
}

const Reading& PulseWindow::read() {
  if (read_ != total_ + 1) {
    reading_ = make_reading();
    read_ = total_ + 1;
  }
  return reading_;
}

Reading PulseWindow::make_reading() {
  const double end = start_ + static_cast<double>(total_) / options_.rate;
  const double begin = end - static_cast<double>(size_) / options_.rate;
  const double coverage = static_cast<double>(seen_) / static_cast<double>(capacity());
  Reading reading{Status::low_signal, kNone, kNone,          kNone, begin, end,
                  coverage,           kNone, options_.method};
  if (!is_readable()) {
    const bool starts = seen_ < needed_ && seen_ == size_ && !after_gap_;
    reading.status = starts ? Status::warming_up : Status::gap;
    return reading;
  }
  // A peak that is not the highest of its spectrum needs a higher confidence: half the doubt.
  const double strict = 0.5 * (1.0 + options_.min_confidence);
  const int count = find_peaks();
  for (const bool highest : {true, false}) {
    for (int i = 0; i < count; ++i) {
      const SourcePeak& candidate = peaks_[i];
      if (candidate.highest != highest) continue;
      const double sure = peak_confidence(candidate);
      if (reading.confidence >= sure) continue;
      reading.confidence = sure;
      reading.snr_db = candidate.peak.snr_db;
      reading.candidate = 60.0 * candidate.peak.frequency;
      reading.source = candidate.source;
    }
    if (reading.confidence >= (highest ? options_.min_confidence : strict)) {
      reading.status = Status::ok;
      reading.heart_rate = reading.candidate;
      break;
    }
  }
  return reading;
}

const double* PulseWindow::pulse() {
  if (uses_network(options_.method)) return levels_.newest(size_);
  extract();
  return color_pulse_.data();
}

void PulseWindow::extract() {
  if (extracted_ == total_) return;
  extracted_ = total_;
  if (size_ < 2) {  // one sample is not a pulse
    std::fill_n(color_pulse_.begin(), size_, 0.0);
    std::fill_n(color_live_.begin(), size_, 0.0);
    return;
  }
  for (int c = 0; c < kColors; ++c)
    std::copy_n(colors_[c].newest(size_), size_, color_window_.color(c));
  std::copy_n(missing_.newest(size_), size_, color_window_.missing());
  color_window_.filter(size_);
  color_window_.extract(options_.method, size_, color_pulse_.data());
  band_pass_.reset();
  for (std::size_t i = 0; i < size_; ++i)
    color_live_[i] = band_pass_.step(color_pulse_[i] - color_pulse_[0]);
}

int PulseWindow::find_peaks() {
  count_ = 0;
  const bool silent = is_silent(pulse(), size_);
  filter(filtered_.data());
  regions_.look(filtered_.data(), spectrum_.hann(size_), size_);
  const Method own = options_.method == Method::fusion ? Method::student : options_.method;
  add_peaks(spectrum_, silent ? 0 : spectrum_.analyse(filtered_.data(), size_, options_.peaks),
            own);

  ask_colors();
  ask_temporal();
  if (options_.method == Method::fusion) {
    add_peaks(temporal_.spectrum(), temporal_.peaks(), Method::temporal);
    add_peaks(second_.pos(), second_.pos_peaks(), Method::pos);
    add_peaks(second_.chrom(), second_.chrom_peaks(), Method::chrom);
  }
  return count_;
}

PulseWindow::CoarsePart PulseWindow::coarse_part(std::size_t coarse, std::size_t since,
                                                 std::size_t most) const {
  const std::size_t end = size_ - since;
  const std::size_t count = std::min(end, capacity() - most) / coarse;
  return {coarse, count, end - count * coarse};
}

void PulseWindow::copy_missing(const CoarsePart& part, unsigned char* out) const {
  const unsigned char* from = missing_.newest(size_) + part.skip;
  for (std::size_t i = 0; i < part.count; ++i, from += part.coarse)
    out[i] = std::any_of(from, from + part.coarse, [](unsigned char m) { return m != 0; });
}

void PulseWindow::ask_colors() {
  const std::uint64_t renewal = total_ / kRenewal + 1;
  if (asked_ == renewal) return;
  asked_ = renewal;
  const CoarsePart part =
      coarse_part(second_.coarse(), static_cast<std::size_t>(total_ % kRenewal), kRenewal - 1);
  ColorWindow& window = second_.window();
  for (int c = 0; c < kColors; ++c) {
    const double* from = colors_[c].newest(size_) + part.skip;
    double* const to = window.color(c);
    for (std::size_t i = 0; i < part.count; ++i) {
      double sum = 0;
      for (std::size_t k = 0; k < part.coarse; ++k) sum += *from++;
      to[i] = sum / static_cast<double>(part.coarse);
    }
  }
  copy_missing(part, window.missing());
  second_.analyse(part.count);
}

void PulseWindow::ask_temporal() {
  const std::size_t every = total_ < capacity() ? kTemporalRenewal : kFullRenewal;
  const std::uint64_t due = total_ - total_ % every;  // samples at the last renewal
  if (!temporal_.is_able() || asked_temporal_ == due + 1) return;
  asked_temporal_ = due + 1;
  const CoarsePart part =
      coarse_part(temporal_.coarse(), static_cast<std::size_t>(total_ - due), kFullRenewal - 1);
  const double* levels = levels_.newest(size_) + part.skip;
  const double* colors[kColors];
  for (int c = 0; c < kColors; ++c) colors[c] = colors_[c].newest(size_) + part.skip;
  const float* regions = regions_.newest(size_) + part.skip * kRegionRow;
  for (std::size_t i = 0; i < part.count; ++i) {
    double* const cell = temporal_.cell(i);
    std::fill_n(cell, kCellSignals, 0.0);
    for (std::size_t k = 0; k < part.coarse; ++k, regions += kRegionRow) {
      cell[0] += *levels++;
      for (int c = 0; c < kColors; ++c) cell[1 + c] += *colors[c]++;
      for (int r = 0; r < kRegionSignals; ++r)
        cell[1 + kColors + r] += static_cast<double>(regions[r]);
    }
    for (int k = 0; k < kCellSignals; ++k) cell[k] /= static_cast<double>(part.coarse);
  }
  copy_missing(part, temporal_.missing());
  temporal_.analyse(part.count);
}

void PulseWindow::add_peaks(const PulseSpectrum& spectrum, int found, Method source) {
  for (int i = 0; i < found && count_ < kMostSourcePeaks; ++i) {
    const Peak& peak = spectrum.peak(i);
    SourcePeak* const end = peaks_ + count_;
    SourcePeak* const same = std::find_if(peaks_, end, [&](const SourcePeak& candidate) {
      return std::abs(candidate.peak.frequency - peak.frequency) < kSamePeak;
    });
    if (same == end)
      peaks_[count_++] = {peak, source, i == 0};
    else
      same->highest = same->highest || i == 0;
  }
}

const PulseSpectrum& PulseWindow::spectrum_of(Method source) const {
  if (options_.method != Method::fusion || source == Method::student) return spectrum_;
  if (source == Method::temporal) return temporal_.spectrum();
  return source == Method::pos ? second_.pos() : second_.chrom();
}

PeakFeatures PulseWindow::features(const SourcePeak& candidate) {
  const double frequency = candidate.peak.frequency;
  const bool own = &spectrum_of(candidate.source) == &spectrum_;
  PeakFeatures features = regions_.features(own ? candidate.peak : spectrum_.examine(frequency));
  const Peak chrom = second_.chrom().examine(frequency);
  const Peak pos = second_.pos().examine(frequency);
  const double seen = static_cast<double>(seen_) / options_.rate;
  features.items[PeakFeatures::coverage] = std::min(1.0, seen / PulseOptions{}.window);
  features.items[PeakFeatures::chrom_snr] = bounded_snr(chrom.snr_db);
  features.items[PeakFeatures::chrom_height] = chrom.height;
  features.items[PeakFeatures::pos_snr] = bounded_snr(pos.snr_db);
  features.items[PeakFeatures::pos_height] = pos.height;
  const Peak temporal = temporal_.examine(frequency);
  features.items[PeakFeatures::temporal_snr] = bounded_snr(temporal.snr_db);
  features.items[PeakFeatures::temporal_height] = temporal.height;
  // Where the network cannot read the window, it neither agrees nor disagrees.
  if (uses_network(options_.method) && !temporal_.is_able()) {
    features.items[PeakFeatures::temporal_snr] = features.items[PeakFeatures::snr];
    features.items[PeakFeatures::temporal_height] = features.items[PeakFeatures::height];
  }
  return features;
}

bool PulseWindow::is_harmonic_or_alias(const SourcePeak& candidate) const {
  // The temporal network removes the lines that would show it; the student's pulse has them.
  const bool temporal = candidate.source == Method::temporal;
  const PulseSpectrum& spectrum = temporal ? spectrum_ : spectrum_of(candidate.source);
  return spectrum.is_harmonic_or_alias(candidate.peak.frequency);
}

double PulseWindow::peak_confidence(const SourcePeak& candidate) {
  return is_harmonic_or_alias(candidate) ? 0.0 : confidence(options_.method, features(candidate));
}

std::vector<PulseWindow::Candidate> PulseWindow::candidates() {
  std::vector<Candidate> all;
  const int found = is_readable() ? find_peaks() : 0;
  for (int i = 0; i < found; ++i) {
    const SourcePeak& candidate = peaks_[i];
    const PeakFeatures features = this->features(candidate);
    all.push_back({candidate.peak.frequency, candidate.peak.snr_db, candidate.source,
                   candidate.highest, features,
                   is_harmonic_or_alias(candidate) ? 0.0 : confidence(options_.method, features)});
  }
  return all;
}

}  // namespace rppg
