// The heart rate of a whole recording: which of its readings count, and their common result.
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

// The result of all windows of a recording.
//
// In overlapping windows a heart's rate is continuous, while noise jumps. Therefore every window
// contributes the rate of its peak with the highest confidence, even if that is below the minimum.
// The recording's rate is the smooth track through these rates that collects the most confidence.
struct Summary {
  Status status;        // ok if the track can be trusted; else the reason why not
  double heart_rate;    // bpm, mean of the track; NaN unless status is ok
  double snr_db;        // median over the track's windows; NaN without a track
  double confidence;    // probability that the track is the heart's, 0 to 1; NaN without a window
  double coverage;      // share of the windows that the track passes through, 0 to 1
  double spread;        // standard deviation of the rate along the track, bpm; NaN unless ok
  std::int64_t frames;  // since the start
  double duration;      // from the first frame to the last without the gaps, s
  double fps;           // mean over that time, Hz; 0 without any
  double candidate;     // bpm, mean of the track, trusted or not; NaN without a track
};

class RecordingSummary {
 public:
  // `step` is the time from one window that counts to the next, s. `max_gap` is that of the stream,
  // s. `min_confidence` is the least confidence of a recording with status ok. Throws
  // std::invalid_argument unless the first two are positive and the last one is between 0 and 1.
  RecordingSummary(double step, double max_gap, double min_confidence);

  // Throws std::invalid_argument unless `min_confidence` is between 0 and 1.
  void set_min_confidence(double min_confidence);

  // Takes the reading of the next frame, at `time` (s). Returns whether the reading counts: its
  // window can be read, and ends one step after the last window that counted or is the first since
  // a gap.
  bool push(double time, const Reading& reading);

  // The summary of the windows that counted since the start or since `forget`.
  Summary summary() const;

  // The mean rate of the track in bpm and its features, to fit `recording_confidence`. Without a
  // track, the rate is NaN and the features are zero.
  std::pair<double, TrackEvidence> evidence() const;

  // Forgets the windows, but not the time at which the next one is due. A stream without end would
  // otherwise collect windows for ever.
  void forget();

 private:
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  static constexpr double kAtOnce = -std::numeric_limits<double>::infinity();

  struct Window {
    double start, end, rate, confidence, snr_db, coverage;  // s, s, bpm, 0 to 1, dB, 0 to 1
  };

  // The windows of the best track, in order of time.
  std::vector<const Window*> track() const;
  TrackEvidence evidence(const std::vector<const Window*>& passed) const;
  // The mean rate of a track and the standard deviation from it, bpm.
  static std::pair<double, double> rate(const std::vector<const Window*>& passed);

  double step_, max_gap_, min_confidence_ = 0;
  double due_ = kAtOnce;
  std::int64_t frames_ = 0, steps_ = 0;  // steps: pairs of successive frames without a gap
  double first_ = kNone, last_ = kNone;  // times of the frames since the last gap, s
  double covered_ = 0;                   // duration of the frames before it, s
  std::optional<Status> latest_;
  std::size_t count_ = 0;        // number of windows, with a peak or without
  std::vector<Window> windows_;  // windows with a peak
};

}  // namespace rppg
