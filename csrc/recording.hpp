// A whole recording: which of its readings count, and what they say together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "pulse.hpp"

namespace rppg {

struct Summary {
  Status status;      // ok where enough windows are; else what kept the others back
  double heart_rate;  // bpm, the mean over the windows that are ok; NaN unless status is ok
  double snr_db;      // the median over those, over all with a peak where none is; NaN without any
  double confidence;  // likewise
  std::int64_t frames;  // since the start
  double duration;      // from the first frame to the last without the gaps, s
  double fps;           // mean over that time, Hz; 0 without any
};

class Recording {
 public:
  // `step`: from one window that counts to the next, s; `max_gap`, as of the stream, in seconds,
  // too. Throws std::invalid_argument unless both are positive numbers.
  Recording(double step, double max_gap);

  // Takes the reading of the next frame, seen at `time` (s). Returns whether it counts: its window
  // is full and ends a step after the last one that did, or is the first since a gap.
  bool take(double time, const Reading& reading);

  // Of the windows that counted since the start, or since `forget`.
  Summary summary() const;

  // Forgets the windows, not the step: a stream without end would gather them for ever.
  void forget();

 private:
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  static constexpr double kAtOnce = -std::numeric_limits<double>::infinity();

  // Of some windows: what is known of their peaks.
  struct Known {
    std::vector<double> snrs, confidences;
  };

  double step_, max_gap_;
  double due_ = kAtOnce;
  std::int64_t frames_ = 0, steps_ = 0;  // steps: from a frame to the next without a gap
  double first_ = kNone, last_ = kNone;  // of the frames since the last gap
  double covered_ = 0;                   // by the frames before it, s
  std::optional<Status> latest_;
  std::size_t windows_ = 0;
  std::vector<double> rates_;
  Known clear_, other_;  // of windows that are ok, and of the others
};

}  // namespace rppg
