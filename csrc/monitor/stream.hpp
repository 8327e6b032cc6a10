// One face over time: frame -> appearance -> motion -> student -> pulse -> reading.
#pragma once

#include <memory>

#include "frame/resize.hpp"
#include "network/student.hpp"
#include "reading/window.hpp"
#include "signal/resampler.hpp"

namespace rppg {

// Not for two threads at once; separate streams are independent.
class Stream {
 public:
  // A method that does not use the network needs the student for its kernels alone.
  Stream(std::shared_ptr<const Student> student, const PulseOptions& options);

  // Takes the frame seen at `time` (s) with the face inside `box`, turned clockwise by `turned`
  // degrees, and reads the window that ends there. The network sees the face upright. Throws
  // std::invalid_argument, with nothing changed, for a box outside the frame or no such turn, and
  // TimeError for a time that Clock refuses. Allocates nothing once it has seen the largest box.
  Reading push(const FrameView& frame, const Box& box, double time, int turned = 0);

  // Measures another box from the next frame on. `frame` is the one that was pushed last: with the
  // old box its change was summed, and with the new one it is what the next frame is compared with,
  // so that nothing is lost and nothing jumps. Throws std::invalid_argument, with nothing changed,
  // for a box outside the frame or no such turn.
  void rebox(const FrameView& frame, const Box& box, int turned = 0);

  // As if new.
  void reset();

  // What the window took of the newest frame, `kSignals` values.
  const double* signals() const { return levels_; }

  PulseWindow& pulse() { return pulse_; }
  const PulseWindow& pulse() const { return pulse_; }

 private:
  // Makes the current appearance, of an upright face.
  void see(const FrameView& frame, const Box& box, int turned);
  // Makes the levels of what was observed begin anew.
  void begin(const double* observed);
  // Moves the levels on by what changed since the last frame.
  void advance(const float* previous, const double* observed);

  std::shared_ptr<const Student> student_;
  AreaResize resize_;
  Resampler resampler_;
  PulseWindow pulse_;
  Box box_{};
  int turned_ = 0;
  // What the window takes. Levels go on where the box or the picture jumps: that of the pulse is
  // the sum of the predicted changes, those of brightness and colour are sums of differences, and
  // the mean colours are scaled, since a pulse is a relative change.
  double levels_[kSignals] = {};
  double observed_[kObserved] = {};  // of the newest appearance
  double rest_ = 0;                  // what the student says of a face that does not change
  int current_ = 0;                  // which of the two appearances is the newest
  alignas(kAlignment) float appearance_[2][kPixels];
  alignas(kAlignment) float motion_[kPixels];
  StudentScratch scratch_;
};

}  // namespace rppg
