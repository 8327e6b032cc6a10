// From values at the frames' own times to samples on a uniform grid.
#pragma once

#include <cstdint>
#include <vector>

#include "signal/clock.hpp"

namespace rppg {

// Averages piecewise linear signals over the cells of a uniform grid: cell n spans
// [origin + n / rate, origin + (n + 1) / rate). Averaging, unlike picking points, keeps the noise
// of fast cameras from folding into the heart's band.
class Resampler {
 public:
  using Step = Clock::Step;

  // `rate` in Hz, `channels` signals that share their times, `max_gap` in seconds.
  // Throws std::invalid_argument unless all are positive and small enough to be meant.
  Resampler(double rate, int channels, double max_gap);

  // What a value at `time` (s) would be, as Clock has it.
  Step classify(double time) { return clock_.classify(time); }

  // Takes `channels` values at `time` and calls emit(const double* averages, bool missing) for
  // every cell that they complete. Cells that a hole completes are missing: their averages are
  // those of a straight line over the hole. A first value, or one after a gap, starts the grid anew
  // at its time.
  template <typename Emit>
  Step push(double time, const double* values, Emit&& emit) {
    const double last = clock_.last();
    const Step step = clock_.push(time);
    if (step != Step::next && step != Step::hole) {
      restart(time, values);
      return step;
    }
    if (step == Step::next) count_step(time - last);
    while (cell_end() <= time + kSlack / rate_) {
      integrate(last, time, values, cell_end());
      for (double& sum : integral_) sum *= rate_;
      emit(static_cast<const double*>(integral_.data()), step == Step::hole);
      for (double& sum : integral_) sum = 0.0;
      ++cells_;
    }
    integrate(last, time, values, time);
    last_.assign(values, values + last_.size());
    return step;
  }

  void reset();

  // Values per second, Hz, by a mean that forgets over some 16 values; holes do not count. It
  // begins at infinity, so that one long step at the start is not taken for a slow camera.
  double value_rate() const;
  int channels() const { return static_cast<int>(last_.size()); }

 private:
  // Share of a cell by which a time may fall short of its end: container times are rounded.
  static constexpr double kSlack = 0.01;

  double cell_end() const { return origin_ + static_cast<double>(cells_ + 1) / rate_; }
  void restart(double time, const double* values);
  void count_step(double step);
  // Adds the integral from the cursor up to `end` of the segment from the last values to these.
  void integrate(double last, double time, const double* values, double end);

  double rate_;
  Clock clock_;
  double origin_ = 0, cursor_ = 0;
  std::uint64_t cells_ = 0;
  double mean_step_ = 0;
  std::vector<double> last_, integral_;
};

}  // namespace rppg
