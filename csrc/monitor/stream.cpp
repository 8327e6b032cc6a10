#include "monitor/stream.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace rppg {
namespace {

// A mean color below a tenth of a grey level is black and shows no relative change.
constexpr double kBlack = 0.1 / 255.0;
// Scaled colors outside these bounds restart from the observed value. After hours of movement
// through many kinds of light, the accumulated factor can become extremely small or large.
constexpr double kLeastColor = 1e-6, kMostColor = 1e6;

std::shared_ptr<const Network> checked(std::shared_ptr<const Network> network, Method method) {
  const std::string wanted = method == Method::teacher ? "teacher" : "student";
  if (uses_network(method) && network->name() != wanted)
    throw std::invalid_argument("method '" + std::string(name_of(method)) + "' needs a " + wanted +
                                ", got a " + network->name());
  return network;
}

}  // namespace

Stream::Stream(std::shared_ptr<const Network> network, const PulseOptions& options)
    : network_(checked(std::move(network), options.method)),
      forward_(network_->make_forward()),
      resize_(network_->kernels()),
      resampler_(options.rate, kSignals, options.max_gap),
      pulse_(options, network_->kernels()) {}

void Stream::reset() {
  resampler_.reset();
  restart(0, false);
}

void Stream::restart(double start, bool after_gap) {
  earlier_samples_ += pulse_.total();
  pulse_.restart(start, after_gap);
}

void Stream::begin(const double* observed) {
  std::fill_n(levels_, kSignals, 0.0);
  std::copy_n(observed, kColors, levels_ + 1);
  if (!uses_network(pulse_.options().method)) return;
  std::fill_n(motion_, kPixels, 0.0f);
  rest_ = forward_->predict(motion_, appearance_[current_]);
}

void Stream::advance(const float* previous, const double* observed) {
  if (uses_network(pulse_.options().method)) {
    compute_motion(network_->kernels(), network_->input(), previous, appearance_[current_], kPixels,
                   motion_);
    levels_[0] += forward_->predict(motion_, previous) - rest_;
  }
  for (int c = 0; c < kColors; ++c) {
    double& color = levels_[1 + c];
    if (observed_[c] > kBlack && observed[c] > kBlack) color *= observed[c] / observed_[c];
    if (!(color > kLeastColor && color < kMostColor)) color = observed[c];
  }
  for (int k = kColors; k < kObserved; ++k) levels_[1 + k] += observed[k] - observed_[k];
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
    restart(time, step == Resampler::Step::gap);
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
