// From values at the frames' own times to a reading: uniform resampling, streaming band-pass,
// sliding window.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "clock.hpp"
#include "spectrum.hpp"
#include "witness.hpp"

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

  // Takes `channels` values at `time` and calls emit(const double* averages) for every cell that
  // they complete. A first value, or one after a gap, starts the grid anew at its time.
  template <typename Emit>
  Step push(double time, const double* values, Emit&& emit) {
    const double last = clock_.last();
    const Step step = clock_.push(time);
    if (step != Step::next) {
      restart(time, values);
      return step;
    }
    count_step(time - last);
    while (cell_end() <= time + kSlack / rate_) {
      integrate(last, time, values, cell_end());
      for (double& sum : integral_) sum *= rate_;
      emit(static_cast<const double*>(integral_.data()));
      for (double& sum : integral_) sum = 0.0;
      ++cells_;
    }
    integrate(last, time, values, time);
    last_.assign(values, values + last_.size());
    return step;
  }

  void reset();

  // Values per second, Hz, by a mean that forgets over some 16 values. It begins at infinity, so
  // that one long step at the start is not taken for a slow camera.
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

// A biquad: y = b0 x + b1 x[-1] + b2 x[-2] - a1 y[-1] - a2 y[-2].
struct Section {
  double b0, b1, b2, a1, a2;
};

// Streaming Butterworth band-pass of 2 * order poles, as second-order sections.
class BandPass {
 public:
  // Throws std::invalid_argument unless 0 < low < high < rate / 2 (Hz) and 1 <= order <= 8.
  BandPass(double low, double high, double rate, int order);

  double step(double sample);
  void reset();
  // Power gain at a frequency (Hz).
  double gain(double frequency) const;
  const std::vector<Section>& sections() const { return sections_; }

 private:
  struct State {
    double s1 = 0, s2 = 0;
  };
  double rate_;
  std::vector<Section> sections_;
  std::vector<State> states_;
};

enum class Status { warming_up, ok, no_face, low_signal, gap };

struct Reading {
  Status status;
  double heart_rate;  // bpm; NaN unless status is ok
  double snr_db;      // NaN where there is no peak to speak of
  double confidence;  // that the peak is the heart's, 0 to 1; NaN where there is none
  double start, end;  // the window that was read, s
};

struct PulseOptions {
  double rate = 30.0;  // of the uniform grid, Hz
  double low = 0.7;    // of the heart's band, Hz
  double high = 4.0;
  int order = 2;                 // of the Butterworth prototype
  double window = 10.0;          // s
  double min_confidence = 0.75;  // below it a peak is no heart rate
  int peaks = 3;                 // of the spectrum are tried, the highest first
  double max_gap = 0.5;          // s between two frames
};

// The last seconds of band-passed pulse and the heart rate that they show.
class PulseWindow {
 public:
  // Throws std::invalid_argument for a band or window that makes no sense.
  PulseWindow(const PulseOptions& options, const Kernels& kernels);

  // Forgets everything; the next sample's cell begins at `start` (s).
  void restart(double start, bool after_gap);
  // Whether frames at this rate (Hz) would show a heart at the band's upper edge as a slower one.
  bool is_too_slow(double frame_rate) const;
  // A sample of pulse with its `kWitnesses` witnesses. `too_slow`: it comes from such frames; as
  // long as it is in the window, that is a gap.
  void push(double sample, const double* witnesses, bool too_slow);
  // The reading of the window that ends with the newest sample. Allocates nothing.
  Reading read();

  // The peaks that a reading chooses from, and what the witnesses say of each: to fit `confidence`.
  struct Candidate {
    Peak peak;
    Testimony said;
    double confidence;
  };
  std::vector<Candidate> candidates();

  std::size_t size() const { return size_; }
  // Samples in a full window.
  std::size_t capacity() const { return ring_.size(); }
  // Copies the newest `count` <= size() band-passed samples, oldest first.
  void copy_newest(std::size_t count, double* out) const;
  // Samples since the last restart, and the time at which the grid began, s.
  std::uint64_t total() const { return total_; }
  double start() const { return start_; }
  // The middle of the cell of sample `index` since the last restart, s.
  double sample_time(std::uint64_t index) const {
    return start_ + (static_cast<double>(index) + 0.5) / options_.rate;
  }

 private:
  // Works out the spectrum and its peaks; returns how many there are.
  int find_peaks();
  // The confidence that a peak is the heart's.
  double weigh(const Peak& peak);
  // Whether a peak at `frequency` (Hz) is but an overtone or an alias of a line outside the band.
  bool is_echo(double frequency) const;
  // The strongest line from `low` to `high` (Hz), with the band-pass undone.
  double strongest(double low, double high) const;

  PulseOptions options_;
  BandPass band_pass_;
  std::vector<double> ring_, ordered_;
  std::size_t needed_, head_ = 0, size_ = 0;
  std::size_t since_too_slow_ = 0;  // samples since the last one from frames that came too slowly
  std::uint64_t total_ = 0;
  double start_ = 0;
  bool after_gap_ = false;
  Spectrum spectrum_;
  Peak peaks_[kMostPeaks];
  Witness witness_;
  double strongest_above_ = 0;  // of the lines above the band, from which aliases come
  std::vector<double> undo_;    // what the band-pass did to the power of each bin, inverted
};

}  // namespace rppg
