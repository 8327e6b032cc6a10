// One face over time: frame -> appearance -> motion -> network -> pulse -> reading.
#pragma once

#include <cstdint>
#include <memory>

#include "frame/resize.hpp"
#include "monitor/face_stream.hpp"
#include "network/network.hpp"
#include "signal/resampler.hpp"

namespace rppg {

// Allocates nothing once it has seen the largest box.
class Stream final : public FaceStream {
 public:
  // A method without a network uses only its kernels. Throws std::invalid_argument if the method
  // needs another network.
  Stream(std::shared_ptr<const Network> network, const PulseOptions& options);

  // The network sees the face upright.
  Reading push(const FrameView& frame, const Box& box, double time, int turned = 0) override;
  void rebox(const FrameView& frame, const Box& box, int turned = 0) override;
  void reset() override;
  PulseWindow& pulse() override { return pulse_; }
  const double* signals() const override { return levels_; }
  std::uint64_t samples() const override { return earlier_samples_ + pulse_.total(); }

 private:
  // Begins another window at `start` (s).
  void restart(double start, bool after_gap);
  // Computes the current appearance, with the face upright.
  void see(const FrameView& frame, const Box& box, int turned);
  // Sets the levels to the start values for an observation.
  void begin(const double* observed);
  // Adds the change since the last frame to the levels.
  void advance(const float* previous, const double* observed);

  std::shared_ptr<const Network> network_;
  std::unique_ptr<Forward> forward_;
  AreaResize resize_;
  Resampler resampler_;
  PulseWindow pulse_;
  std::uint64_t earlier_samples_ = 0;  // of the windows before this one
  Box box_{};
  int turned_ = 0;
  // The window's input. Levels are continuous when the box or the picture jumps: the level of the
  // pulse is the sum of the predicted changes, the levels of brightness and color are sums of
  // differences, and the mean colors are scaled, because a pulse is a relative change.
  double levels_[kSignals] = {};
  double observed_[kObserved] = {};  // of the newest appearance
  double rest_ = 0;                  // the network's output for zero motion
  int current_ = 0;                  // which of the two appearances is the newest
  alignas(kAlignment) float appearance_[2][kPixels];
  alignas(kAlignment) float motion_[kPixels];
};

}  // namespace rppg
