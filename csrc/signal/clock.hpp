// The times of a stream's frames: which frame continues the stream, which one restarts it, and
// which one is an error.
#pragma once

#include <limits>
#include <stdexcept>

namespace rppg {

// A frame's time is not a finite number, or is not later than the time of the frame before.
struct TimeError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// Longest time between two frames whose motion still shows how the pulse changed, s. A heart can
// beat twice a second or faster, so that the change over a longer time is unknown.
inline constexpr double kLongestStep = 0.5;

class Clock {
 public:
  // first: the first frame. next: the frame continues the stream. hole: the frame continues the
  // stream, but the pulse between it and the last frame is missing. gap: the frame restarts the
  // stream.
  enum class Step { first, next, gap, hole };

  // `max_gap` is the longest hole in s. Throws std::invalid_argument unless it is positive.
  explicit Clock(double max_gap);

  // What kind of step a frame at `time` (s) would be. Throws TimeError if the time is not finite or
  // not later than the last one. A single frame with an earlier time may be an error. If the next
  // frame follows that frame within kLongestStep, then the clock was set back, or the last time was
  // wrong: the next frame is accepted after a gap.
  Step classify(double time);

  // The same, and `time` becomes the last time.
  Step push(double time);

  void reset();

  // Time of the last frame, s; undefined before the first push.
  double last() const { return last_; }

 private:
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  double max_gap_;
  bool started_ = false;
  double last_ = 0;
  double behind_ = kNone;  // the newest time that was refused since the last accepted one, s
};

}  // namespace rppg
