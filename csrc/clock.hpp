// The times of a stream's frames: which one continues it, which one begins it anew, which is wrong.
#pragma once

#include <limits>
#include <stdexcept>

namespace rppg {

// A frame's time that is no number, or does not follow the last one.
struct TimeError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

class Clock {
 public:
  enum class Step { first, next, gap };

  // `max_gap` in seconds. Throws std::invalid_argument unless it is positive.
  explicit Clock(double max_gap);

  // What a frame at `time` (s) would be: the first one, the next one, or the first one after a gap.
  // Throws TimeError where the time is not finite or not later than the last one. A frame that is
  // behind by more than a gap may be a slip; when the one after it goes on from there, the clock
  // was set back, or the last time was wrong: that second frame comes after a gap.
  Step classify(double time);

  // The same, and `time` becomes the last one.
  Step push(double time);

  void reset();

  // Undefined before the first push.
  double last() const { return last_; }

 private:
  bool follows(double time, double other) const;

  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  double max_gap_;
  bool started_ = false;
  double last_ = 0;
  double behind_ = kNone;  // the newest time since the last one that was refused
};

}  // namespace rppg
