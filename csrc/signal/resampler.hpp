// Resampling of values from the frames' times to a uniform grid.
#pragma once

#include <cstdint>
#include <vector>

#include "signal/clock.hpp"

namespace rppg {

// Averages piecewise linear signals over the cells of a uniform grid; cell n spans [origin + n /
// rate, origin + (n + 1) / rate). Averages are used instead of single points, so that noise of fast
// cameras is not aliased into the heart's band.
class Resampler {
 public:
  using Step = Clock::Step;

  // `rate` is in Hz, `channels` is the number of signals that share their times, `max_gap` is in s.
  // Throws std::invalid_argument unless all are positive and within sensible limits.
  Resampler(double rate, int channels, double max_gap);

  // What kind of step a value at `time` (s) would be; see Clock::classify.
  Step classify(double time) { return clock_.classify(time); }

  // Takes `channels` values at `time` (s) and calls emit(const double* averages, bool missing) for
  // every cell that they complete. Cells that are completed by a value after a hole are missing:
  // their averages are those of a straight line across the hole. The first value, and a value after
  // a gap, starts a new grid at its time.
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

  // Values per second, Hz, from a moving mean over about 16 values; holes do not count. The rate is
  // infinite at the start, so that one long step there is not taken for a slow camera.
  double value_rate() const;
  int channels() const { return static_cast<int>(last_.size()); }

 private:
  // Share of a cell by which a time may fall short of the cell's end, because times in video files
  // are rounded.
  static constexpr double kSlack = 0.01;

  double cell_end() const { return origin_ + static_cast<double>(cells_ + 1) / rate_; }
  void restart(double time, const double* values);
  void count_step(double step);
  // Adds the integral of the segment between the last values and these, from cursor_ to `end`.
  void integrate(double last, double time, const double* values, double end);

  double rate_;
  Clock clock_;
  double origin_ = 0, cursor_ = 0;
  std::uint64_t cells_ = 0;
  double mean_step_ = 0;
  std::vector<double> last_, integral_;
};

}  // namespace rppg
