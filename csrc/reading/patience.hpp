// Decides when to give up a face without a pulse. Otherwise a picture on the wall that was found
// first would keep the person beside it from being measured.
#pragma once

#include "reading/reading.hpp"

namespace rppg {

class Patience {
 public:
  // `window` is the length of the pulse's window, s.
  explicit Patience(double window) : window_(window) {}

  // Starts again for another face.
  void restart() { started_ = false; }

  // Takes the reading of a frame. Returns true if the face has shown no sign of a pulse for a full
  // window, since it was first measured or since the function last returned true.
  bool is_over(double time, const Reading& reading) {
    // Far below the confidence that a heart rate needs; a living face exceeds it now and then.
    constexpr double kSign = 0.2;
    const bool sign = reading.status != Status::low_signal || reading.confidence >= kSign;
    if (!started_ || time < since_) since_ = time;
    started_ = true;
    if (reading.status == Status::warming_up) return false;
    if (sign) since_ = time;
    if (time - since_ < window_) return false;
    since_ = time;
    return true;
  }

 private:
  double window_, since_ = 0;
  bool started_ = false;
};

}  // namespace rppg
