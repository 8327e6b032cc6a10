#include "monitor/stream.hpp"

#include <algorithm>

namespace rppg {
namespace {

// A mean colour below a tenth of a grey level is black and shows no relative change.
constexpr double kBlack = 0.1 / 255.0;
// Scaled colours outside these bounds restart from the observed value. After hours of movement
// through many kinds of light, the accumulated factor can become extremely small or large.
constexpr double kLeastColour = 1e-6, kMostColour = 1e6;

}  // namespace

Stream::Stream(std::shared_ptr<const Student> student, const PulseOptions& options)
    : student_(std::move(student)),
      resize_(student_->kernels()),
      resampler_(options.rate, kSignals, options.max_gap),
      pulse_(options, student_->kernels()) {
  clear_borders(scratch_);
  std::fill_n(motion_, kPixels, 0.0f);
  rest_ = student_->change(motion_, scratch_);
}

void Stream::reset() {
  resampler_.reset();
  pulse_.restart(0, false);
}

void Stream::begin(const double* observed) {
  std::fill_n(levels_, kSignals, 0.0);
  std::copy_n(observed, kColours, levels_ + 1);
}

void Stream::advance(const float* previous, const double* observed) {
  if (uses_network(pulse_.options().method)) {
    compute_motion(student_->kernels(), student_->weights().input, previous, appearance_[current_],
                   kPixels, motion_);
    levels_[0] += student_->change(motion_, scratch_) - rest_;
  }
  for (int c = 0; c < kColours; ++c) {
    double& colour = levels_[1 + c];
    if (observed_[c] > kBlack && observed[c] > kBlack) colour *= observed[c] / observed_[c];
    if (!(colour > kLeastColour && colour < kMostColour)) colour = observed[c];
  }
  for (int k = kColours; k < kObserved; ++k) levels_[1 + k] += observed[k] - observed_[k];
}

void Stream::see(const FrameView& frame, const Box& box, int turned) {
  resize_.run(frame, box, appearance_[current_]);
  turn_appearance(appearance_[current_], (360 - turned) % 360);
}

Reading Stream::push(const FrameView& frame, const Box& box, double time, int turned) {
  check_box(box, frame);
  check_turned(turned);
  const Resampler::Step step = resampler_.classify(time);
  const float* previous = appearance_[current_];
  current_ = 1 - current_;
  see(frame, box, turned);
  double observed[kObserved];
  observe(appearance_[current_], observed);
  if (step == Resampler::Step::first || step == Resampler::Step::gap) {
    begin(observed);
    pulse_.restart(time, step == Resampler::Step::gap);
  } else if (step == Resampler::Step::next && box == box_ && turned == turned_) {
    // Across a hole, or between two boxes, no change can be trusted: the levels stay.
    advance(previous, observed);
  }
  box_ = box;
  turned_ = turned;
  std::copy_n(observed, kObserved, observed_);
  resampler_.push(time, levels_, [&](const double* sample, bool missing) {
    pulse_.push(sample, missing, pulse_.is_too_slow(resampler_.value_rate()));
  });
  return pulse_.read();
}

void Stream::rebox(const FrameView& frame, const Box& box, int turned) {
  check_box(box, frame);
  check_turned(turned);
  see(frame, box, turned);
  observe(appearance_[current_], observed_);
  box_ = box;
  turned_ = turned;
}

}  // namespace rppg
