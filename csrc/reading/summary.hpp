// A whole recording: which of its readings count, and what they say together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "reading/confidence.hpp"
#include "reading/reading.hpp"

namespace rppg {

// What the windows of a recording say together.
//
// Windows overlap and agree, or they do not: a heart's rate goes on from window to window, noise
// jumps. So every window brings the rate of its most trusted peak, trusted enough or not, and the
// recording's rate is the smooth track through them that gathers the most confidence.
struct Summary {
  Status status;      // ok where the track can be trusted; else what kept it back
  double heart_rate;  // bpm, the track's mean; NaN unless status is ok
  double snr_db;      // the median over the track, over all windows with a peak where there is none
  double confidence;  // that the track is the heart's, 0 to 1; NaN without a window
  double coverage;    // share of the windows that the track passes through, 0 to 1
  double spread;      // standard deviation of the rate along the track, bpm; NaN unless ok
  std::int64_t frames;  // since the start
  double duration;      // from the first frame to the last without the gaps, s
  double fps;           // mean over that time, Hz; 0 without any
};

class Recording {
 public:
  // `step`: from one window that counts to the next, s; `max_gap`, as of the stream, in seconds,
  // too; `min_confidence` of a recording that is ok. Throws std::invalid_argument unless the first
  // two are positive numbers and the last one lies between 0 and 1.
  Recording(double step, double max_gap, double min_confidence);

  // Throws std::invalid_argument unless it lies between 0 and 1.
  void set_min_confidence(double min_confidence);

  // Takes the reading of the next frame, seen at `time` (s). Returns whether it counts: its window
  // can be read and ends a step after the last one that did, or is the first since a gap.
  bool take(double time, const Reading& reading);

  // Of the windows that counted since the start, or since `forget`.
  Summary summary() const;

  // The mean rate of the track, bpm, and what is known of it: to fit `recording_confidence`. NaN
  // and zeros without one.
  std::pair<double, TrackEvidence> evidence() const;

  // Forgets the windows, not the step: a stream without end would gather them for ever.
  void forget();

 private:
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  static constexpr double kAtOnce = -std::numeric_limits<double>::infinity();

  struct Window {
    double start, end, rate, confidence, snr_db, coverage;  // s, s, bpm, 0 to 1, dB, 0 to 1
  };

  // The windows of the best track, in order.
  std::vector<const Window*> track() const;
  TrackEvidence evidence(const std::vector<const Window*>& passed) const;
  // The mean rate of a track and the standard deviation around it, bpm.
  static std::pair<double, double> rate(const std::vector<const Window*>& passed);

  double step_, max_gap_, min_confidence_ = 0;
  double due_ = kAtOnce;
  std::int64_t frames_ = 0, steps_ = 0;  // steps: from a frame to the next without a gap
  double first_ = kNone, last_ = kNone;  // of the frames since the last gap
  double covered_ = 0;                   // by the frames before it, s
  std::optional<Status> latest_;
  std::size_t count_ = 0;        // of windows, with a peak or without
  std::vector<Window> windows_;  // with a peak
};

}  // namespace rppg
