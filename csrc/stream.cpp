#include "stream.hpp"

#include <algorithm>

namespace rppg {

Stream::Stream(std::shared_ptr<const Student> student, const PulseOptions& options)
    : student_(std::move(student)),
      resize_(student_->kernels()),
      resampler_(options.rate, 1, options.max_gap),
      pulse_(options) {
  clear_borders(scratch_);
  std::fill_n(motion_, kPixels, 0.0f);
  rest_ = student_->change(motion_, scratch_);
}

void Stream::reset() {
  resampler_.reset();
  pulse_.restart(0, false);
}

Reading Stream::push(const FrameView& frame, const Box& box, double time) {
  check_box(box, frame);
  const Resampler::Step step = resampler_.classify(time);
  const float* previous = appearance_[current_];
  current_ = 1 - current_;
  resize_.run(frame, box, appearance_[current_]);
  if (step != Resampler::Step::next) {
    level_ = 0;
    pulse_.restart(time, step == Resampler::Step::gap);
  } else if (box == box_) {  // two different boxes show no motion that could be trusted
    compute_motion(student_->kernels(), student_->weights().input, previous, appearance_[current_],
                   kPixels, motion_);
    level_ += student_->change(motion_, scratch_) - rest_;
  }
  box_ = box;
  resampler_.push(time, &level_, [&](const double* sample) {
    pulse_.push(*sample, pulse_.is_too_slow(resampler_.value_rate()));
  });
  return pulse_.read();
}

void Stream::rebox(const FrameView& frame, const Box& box) {
  check_box(box, frame);
  resize_.run(frame, box, appearance_[current_]);
  box_ = box;
}

}  // namespace rppg
