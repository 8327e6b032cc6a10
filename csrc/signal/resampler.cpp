#include "signal/resampler.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "signal/require.hpp"

namespace rppg {
namespace {

// Limits for the samples in a bridged gap and for the number of signals. Larger values are mistakes
// of the caller.
constexpr double kMostSamples = 1e6;
constexpr int kMostChannels = 1000;

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
  if (end >
      cursor_) {  // the cell ends just after the last time: hold the value, do not extrapolate
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

}  // namespace rppg
