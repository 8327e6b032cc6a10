#include "recording.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

namespace rppg {
namespace {

// Share of a recording's windows that must be ok before it has a heart rate.
constexpr double kMinShareOk = 0.5;

// Times on the grid are equal within this, s.
constexpr double kTimeTolerance = 1e-6;

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void require_positive(double value, const char* name) {
  if (!(std::isfinite(value) && value > 0))
    throw std::invalid_argument(std::string(name) + " must be a positive number of seconds, is " +
                                std::to_string(value));
}

}  // namespace

Recording::Recording(double step, double max_gap) : step_(step), max_gap_(max_gap) {
  require_positive(step, "step");
  require_positive(max_gap, "max_gap");
}

bool Recording::take(double time, const Reading& reading) {
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
  const bool ok = reading.status == Status::ok;
  if (!ok && reading.status != Status::low_signal) return false;
  if (!(reading.end >= due_ - kTimeTolerance)) return false;
  due_ = due_ + step_ > reading.end ? due_ + step_ : reading.end + step_;
  if (ok) rates_.push_back(reading.heart_rate);
  Known& known = ok ? clear_ : other_;
  if (!std::isnan(reading.snr_db)) known.snrs.push_back(reading.snr_db);
  if (!std::isnan(reading.confidence)) known.confidences.push_back(reading.confidence);
  ++windows_;
  return true;
}

Summary Recording::summary() const {
  const double duration = frames_ ? covered_ + last_ - first_ : 0.0;
  const double fps = duration > 0 ? static_cast<double>(steps_) / duration : 0.0;
  const Known& known = rates_.empty() ? other_ : clear_;
  Summary out{latest_.value_or(Status::no_face),
              kNone,
              median(known.snrs),
              median(known.confidences),
              frames_,
              duration,
              fps};
  if (windows_ == 0) return out;
  const auto count = static_cast<double>(rates_.size());
  if (count < kMinShareOk * static_cast<double>(windows_)) {
    out.status = Status::low_signal;
  } else {
    out.status = Status::ok;
    out.heart_rate = std::accumulate(rates_.begin(), rates_.end(), 0.0) / count;
  }
  return out;
}

void Recording::forget() {
  windows_ = 0;
  rates_.clear();
  for (Known* known : {&clear_, &other_}) {
    known->snrs.clear();
    known->confidences.clear();
  }
}

}  // namespace rppg
