// What a monitor asks of the measurement of one face.
#pragma once

#include <cstdint>

#include "frame/frame.hpp"
#include "reading/window.hpp"

namespace rppg {

// One face over time. Belongs to one thread at a time; separate streams are independent.
class FaceStream {
 public:
  virtual ~FaceStream() = default;

  // Takes the frame seen at `time` (s) with the face inside `box`, turned clockwise by `turned`
  // degrees, and reads the window that ends there. Throws std::invalid_argument, with nothing
  // changed, for a box outside the frame or another value of `turned`, and TimeError for a time
  // that Clock refuses.
  virtual Reading push(const FrameView& frame, const Box& box, double time, int turned = 0) = 0;

  // Measures another box from the next frame on. `frame` is the one that was pushed last: its
  // change was measured in the old box, and the next frame is compared with it in the new box, so
  // that the pulse does not jump. Throws std::invalid_argument as `push` does.
  virtual void rebox(const FrameView& frame, const Box& box, int turned = 0) = 0;

  // Forgets all frames.
  virtual void reset() = 0;

  // The window of the pulse.
  virtual PulseWindow& pulse() = 0;

  // What the window took of the newest frame: `kSignals` values.
  virtual const double* signals() const = 0;

  // Number of samples of the pulse so far, those of earlier windows included. It never decreases.
  virtual std::uint64_t samples() const = 0;
};

}  // namespace rppg
