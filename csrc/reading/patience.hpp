// When a face has had its chance: a picture on the wall that was found first must not keep the
// person beside it from being measured.
#pragma once

#include "reading/reading.hpp"

namespace rppg {

class Patience {
 public:
  // `window`: of the pulse, s.
  explicit Patience(double window) : window_(window) {}

  // Another face is measured from now on.
  void restart() { started_ = false; }

  // Takes the reading of a frame. True where the face has shown no sign of a pulse for a full
  // window, since it was first measured or since this was true last.
  bool is_over(double time, const Reading& reading) {
    // Far below any confidence that a heart rate needs: what lives shows more now and then.
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
