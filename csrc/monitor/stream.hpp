// The processing of one face over time: frame -> appearance -> motion -> student -> pulse ->
// reading.
#pragma once

#include <memory>

#include "frame/resize.hpp"
#include "network/student.hpp"
#include "reading/window.hpp"
#include "signal/resampler.hpp"

namespace rppg {

// Not for use by two threads at the same time; separate streams are independent.
class Stream {
 public:
  // A method that does not use the network uses only the kernels of the student.
  Stream(std::shared_ptr<const Student> student, const PulseOptions& options);

  // Takes the frame seen at `time` (s) with the face inside `box`, and returns the reading of the
  // window that ends there. The face is turned clockwise by `turned` degrees; the network sees it
  // upright. Throws std::invalid_argument for a box outside the frame or another `turned` than 0,
  // 90, 180 and 270, and TimeError for a time that Clock refuses; then nothing is changed.
  // Allocates nothing after the largest box was seen.
  Reading push(const FrameView& frame, const Box& box, double time, int turned = 0);

  // Measures another box from the next frame on. `frame` must be the frame that was pushed last:
  // its change was added with the old box, and the next frame is compared with it in the new box.
  // So no change is lost and no level jumps. Throws std::invalid_argument for a box outside the
  // frame or another `turned` than 0, 90, 180 and 270; then nothing is changed.
  void rebox(const FrameView& frame, const Box& box, int turned = 0);

  // Resets the object to its state after construction.
  void reset();

  // The values that the window took from the newest frame, `kSignals` values.
  const double* signals() const { return levels_; }

  PulseWindow& pulse() { return pulse_; }
  const PulseWindow& pulse() const { return pulse_; }

 private:
  // Computes the current appearance, with the face upright.
  void see(const FrameView& frame, const Box& box, int turned);
  // Sets the levels to the start values for an observation.
  void begin(const double* observed);
  // Adds the change since the last frame to the levels.
  void advance(const float* previous, const double* observed);

  std::shared_ptr<const Student> student_;
  AreaResize resize_;
  Resampler resampler_;
  PulseWindow pulse_;
  Box box_{};
  int turned_ = 0;
  // The window's input. Levels are continuous when the box or the picture jumps: the level of the
  // pulse is the sum of the predicted changes, the levels of brightness and colour are sums of
  // differences, and the mean colours are scaled, because a pulse is a relative change.
  double levels_[kSignals] = {};
  double observed_[kObserved] = {};  // of the newest appearance
  double rest_ = 0;                  // the student's output for zero motion
  int current_ = 0;                  // which of the two appearances is the newest
  alignas(kAlignment) float appearance_[2][kPixels];
  alignas(kAlignment) float motion_[kPixels];
  StudentScratch scratch_;
};

}  // namespace rppg
