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

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double median(std::vector<double> values) {
  if (values.empty()) return kNone;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

Recording::Recording(double step) : step_(step), due_(-std::numeric_limits<double>::infinity()) {
  if (!(std::isfinite(step) && step > 0))
    throw std::invalid_argument("step must be a positive number of seconds, is " +
                                std::to_string(step));
}

bool Recording::take(const Reading& reading) {
  latest_ = reading.status;
  if (reading.status != Status::ok && reading.status != Status::low_signal) return false;
  if (!(reading.end >= due_ - kTimeTolerance)) return false;
  due_ = due_ + step_ > reading.end ? due_ + step_ : reading.end + step_;
  const bool ok = reading.status == Status::ok;
  if (ok) rates_.push_back(reading.heart_rate);
  if (!std::isnan(reading.snr_db)) (ok ? clear_snrs_ : other_snrs_).push_back(reading.snr_db);
  ++windows_;
  return true;
}

Summary Recording::summary() const {
  if (windows_ == 0) return {latest_.value_or(Status::no_face), kNone, kNone};
  const double snr_db = median(rates_.empty() ? other_snrs_ : clear_snrs_);
  const auto count = static_cast<double>(rates_.size());
  if (count < kMinShareOk * static_cast<double>(windows_))
    return {Status::low_signal, kNone, snr_db};
  return {Status::ok, std::accumulate(rates_.begin(), rates_.end(), 0.0) / count, snr_db};
}

void Recording::forget() {
  windows_ = 0;
  rates_.clear();
  clear_snrs_.clear();
  other_snrs_.clear();
}

}  // namespace rppg
