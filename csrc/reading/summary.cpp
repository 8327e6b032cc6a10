#include "reading/summary.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "signal/require.hpp"

namespace rppg {
namespace {

// Times on the grid that differ by less are equal, s.
constexpr double kTimeTolerance = 1e-6;

// From one window of a track to the next, the rate may change by kJump bpm, plus kDrift bpm for
// every second between them, at no cost. The windows overlap, so that the rate of a real heart
// changes far less.
constexpr double kJump = 3.0, kDrift = 1.0;
// Cost of each bpm beyond that, in units of confidence.
constexpr double kJumpCost = 0.1;
// Confidence that a window must have to improve a track, and the number of windows that a track may
// look back.
constexpr double kWorthwhile = 0.1;
constexpr std::size_t kLookBack = 64;
// Least weight in a mean, in units of confidence and of coverage, so that a recording without any
// confidence still has a mean.
constexpr double kLeastWeight = 1e-3;

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

RecordingSummary::RecordingSummary(double step, double max_gap, double min_confidence)
    : step_(step), max_gap_(max_gap) {
  require_positive(step, "step");
  require_positive(max_gap, "max_gap");
  set_min_confidence(min_confidence);
}

void RecordingSummary::set_min_confidence(double min_confidence) {
  if (!(min_confidence >= 0 && min_confidence <= 1))
    throw std::invalid_argument("the least confidence must lie between 0 and 1, is " +
                                std::to_string(min_confidence));
  min_confidence_ = min_confidence;
}

bool RecordingSummary::push(double time, const Reading& reading) {
  if (time > last_ && time - last_ <= max_gap_) {
    ++steps_;
  } else {
    if (frames_) covered_ += last_ - first_;
    first_ = time;
    due_ = kAtOnce;
  }
  last_ = time;
  ++frames_;
  latest_ = reading.status;
  if (reading.status != Status::ok && reading.status != Status::low_signal) return false;
  if (!(reading.end >= due_ - kTimeTolerance)) return false;
  due_ = due_ + step_ > reading.end ? due_ + step_ : reading.end + step_;
  ++count_;
  if (std::isfinite(reading.candidate) && std::isfinite(reading.confidence))
    windows_.push_back({reading.start, reading.end, reading.candidate, reading.confidence,
                        reading.snr_db, std::max(reading.coverage, kLeastWeight)});
  return true;
}

std::vector<const RecordingSummary::Window*> RecordingSummary::track() const {
  constexpr std::size_t kNowhere = std::numeric_limits<std::size_t>::max();
  const std::size_t count = windows_.size();
  // The best score of a track that ends at a window, and the window before it on that track.
  std::vector<double> score(count);
  std::vector<std::size_t> from(count, kNowhere);
  const double worthwhile = std::min(kWorthwhile, 0.5 * min_confidence_);
  for (std::size_t j = 0; j < count; ++j) {
    double best = 0;
    for (std::size_t i = j > kLookBack ? j - kLookBack : 0; i < j; ++i) {
      const double apart = std::abs(windows_[j].end - windows_[i].end);
      const double change = std::abs(windows_[j].rate - windows_[i].rate);
      const double jump = std::max(0.0, change - kJump - kDrift * apart);
      const double reached = score[i] - kJumpCost * jump;
      if (reached > best) best = reached, from[j] = i;
    }
    score[j] = best + windows_[j].confidence - worthwhile;
  }
  std::vector<const Window*> out;
  if (count == 0) return out;
  auto at = static_cast<std::size_t>(std::max_element(score.begin(), score.end()) - score.begin());
  for (; at != kNowhere; at = from[at]) out.push_back(&windows_[at]);
  std::reverse(out.begin(), out.end());
  return out;
}

std::pair<double, double> RecordingSummary::rate(const std::vector<const Window*>& passed) {
  double weights = 0, mean = 0, squares = 0;
  for (std::size_t i = 0; i < passed.size(); ++i) {
    const Window& window = *passed[i];
    // While the window grows after a start, each window contains all those before it; only the last
    // one counts.
    if (i + 1 < passed.size() && passed[i + 1]->start <= window.start + kTimeTolerance) continue;
    // The weighted mean and the weighted squared deviations from it (West, 1979).
    const double weight = (window.confidence + kLeastWeight) * window.coverage;
    const double before = window.rate - mean;
    weights += weight;
    mean += weight / weights * before;
    squares += weight * before * (window.rate - mean);
  }
  return {mean, std::sqrt(squares / weights)};
}

TrackEvidence RecordingSummary::evidence(const std::vector<const Window*>& passed) const {
  std::vector<double> confidences;
  for (const Window* window : passed) confidences.push_back(window->confidence);
  const double share = static_cast<double>(passed.size()) / static_cast<double>(count_);
  return track_evidence(confidences, share, step_);
}

std::pair<double, TrackEvidence> RecordingSummary::evidence() const {
  const std::vector<const Window*> passed = track();
  if (passed.empty()) return {kNone, TrackEvidence{}};
  return {rate(passed).first, evidence(passed)};
}

Summary RecordingSummary::summary() const {
  const double duration = frames_ ? covered_ + last_ - first_ : 0.0;
  const double fps = duration > 0 ? static_cast<double>(steps_) / duration : 0.0;
  Summary out{latest_.value_or(Status::no_face),
              kNone,
              kNone,
              kNone,
              0.0,
              kNone,
              frames_,
              duration,
              fps,
              kNone};
  if (count_ == 0) return out;
  out.status = Status::low_signal;
  const std::vector<const Window*> passed = track();
  if (passed.empty()) return out;
  std::vector<double> snrs;
  for (const Window* window : passed) snrs.push_back(window->snr_db);
  out.snr_db = median(snrs);
  const TrackEvidence known = evidence(passed);
  out.coverage = known.items[TrackEvidence::coverage];
  out.confidence = recording_confidence(known);
  const auto [mean, deviation] = rate(passed);
  out.candidate = mean;
  if (out.confidence >= min_confidence_) {
    out.status = Status::ok;
    out.heart_rate = mean;
    out.spread = deviation;
  }
  return out;
}

void RecordingSummary::forget() {
  count_ = 0;
  windows_.clear();
}

}  // namespace rppg
