// The times of a stream's frames: which one continues it, which one begins it anew, which is wrong.
#pragma once

#include <limits>
#include <stdexcept>

namespace rppg {

// A frame's time that is no number, or does not follow the last one.
struct TimeError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// Longest time from one frame to the next that shows how the pulse went on, s. A heart beats twice
// in one second and more: over a longer step its change is not known.
inline constexpr double kLongestStep = 0.5;

class Clock {
 public:
  // next: the frame follows the last one. hole: it follows it too, but so late that what lies
  // between the two is missing. gap: it begins the stream anew.
  enum class Step { first, next, gap, hole };

  // `max_gap`: the longest hole, s. Throws std::invalid_argument unless it is positive.
  explicit Clock(double max_gap);

  // What a frame at `time` (s) would be. Throws TimeError where the time is not finite or not later
  // than the last one. A frame that is behind may be a slip; when the one after it goes on from
  // there, by kLongestStep at most, the clock was set back, or the last time was wrong: that second
  // frame comes after a gap.
  Step classify(double time);

  // The same, and `time` becomes the last one.
  Step push(double time);

  void reset();

  // Undefined before the first push.
  double last() const { return last_; }

 private:
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  double max_gap_;
  bool started_ = false;
  double last_ = 0;
  double behind_ = kNone;  // the newest time since the last one that was refused
};

}  // namespace rppg
