#include "signal/clock.hpp"

#include <cmath>
#include <string>

namespace rppg {

Clock::Clock(double max_gap) : max_gap_(max_gap) {
  if (!(std::isfinite(max_gap) && max_gap > 0))
    throw std::invalid_argument("the longest gap must be positive, is " + std::to_string(max_gap));
}

Clock::Step Clock::classify(double time) {
  if (!std::isfinite(time)) throw TimeError("a frame's time must be a finite number of seconds");
  if (!started_) return Step::first;
  if (time > last_) {
    const double step = time - last_;
    if (step > max_gap_) return Step::gap;
    return step > kLongestStep ? Step::hole : Step::next;
  }
  if (time > behind_ && time - behind_ <= kLongestStep) return Step::gap;
  behind_ = time;
  throw TimeError("a frame's time must be later than that of the frame before: " +
                  std::to_string(time) + " s came after " + std::to_string(last_) + " s");
}

Clock::Step Clock::push(double time) {
  const Step step = classify(time);
  started_ = true;
  last_ = time;
  behind_ = kNone;
  return step;
}

void Clock::reset() {
  started_ = false;
  behind_ = kNone;
}

}  // namespace rppg
