#include "stream.hpp"

#include <algorithm>

namespace rppg {

Stream::Stream(std::shared_ptr<const Student> student, const PulseOptions& options)
    : student_(std::move(student)),
      resize_(student_->kernels()),
      resampler_(options.rate, 1 + kWitnesses, options.max_gap),
      pulse_(options, student_->kernels()) {
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
  double now[kWitnesses];
  observe(appearance_[current_], now);
  if (step != Resampler::Step::next) {
    std::fill_n(levels_, 1 + kWitnesses, 0.0);
    pulse_.restart(time, step == Resampler::Step::gap);
  } else if (box == box_) {  // two different boxes show no motion that could be trusted
    compute_motion(student_->kernels(), student_->weights().input, previous, appearance_[current_],
                   kPixels, motion_);
    levels_[0] += student_->change(motion_, scratch_) - rest_;
    for (int k = 0; k < kWitnesses; ++k) levels_[1 + k] += now[k] - witnesses_[k];
  }
  box_ = box;
  std::copy_n(now, kWitnesses, witnesses_);
  resampler_.push(time, levels_, [&](const double* sample) {
    pulse_.push(sample[0], sample + 1, pulse_.is_too_slow(resampler_.value_rate()));
  });
  return pulse_.read();
}

void Stream::rebox(const FrameView& frame, const Box& box) {
  check_box(box, frame);
  resize_.run(frame, box, appearance_[current_]);
  observe(appearance_[current_], witnesses_);
  box_ = box;
}

}  // namespace rppg
