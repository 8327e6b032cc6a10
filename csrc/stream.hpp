// One face over time: frame -> appearance -> motion -> student -> pulse -> reading.
#pragma once

#include <memory>

#include "frame.hpp"
#include "pulse.hpp"
#include "student.hpp"

namespace rppg {

// Not for two threads at once; separate streams are independent.
class Stream {
 public:
  Stream(std::shared_ptr<const Student> student, const PulseOptions& options);

  // Takes the frame seen at `time` (s) with the face inside `box`, and reads the window that ends
  // there. Throws, with nothing changed, std::invalid_argument for a box outside the frame and
  // TimeError for a time that is not later than the last. Allocates nothing once it has seen the
  // largest box.
  Reading push(const FrameView& frame, const Box& box, double time);

  // As if new.
  void reset();

  const PulseWindow& pulse() const { return pulse_; }

 private:
  std::shared_ptr<const Student> student_;
  AreaResize resize_;
  Resampler resampler_;
  PulseWindow pulse_;
  Box box_{};
  double level_ = 0;  // sum of the predicted changes
  double rest_ = 0;   // what the student says of a face that does not change
  int current_ = 0;   // which of the two appearances is the newest
  alignas(kAlignment) float appearance_[2][kPixels];
  alignas(kAlignment) float motion_[kPixels];
  StudentScratch scratch_;
};

}  // namespace rppg
