// A whole recording: which of its readings count, and what they say together.
#pragma once

#include <optional>
#include <vector>

#include "pulse.hpp"

namespace rppg {

struct Summary {
  Status status;      // ok where enough windows are; else what kept the others back
  double heart_rate;  // bpm, the mean over the windows that are ok; NaN unless status is ok
  double snr_db;      // the median over those, over all with a peak where none is; NaN without any
};

class Recording {
 public:
  // `step`: from one window that counts to the next, s. Throws std::invalid_argument unless it is a
  // positive number.
  explicit Recording(double step);

  // Takes the next reading. Returns whether it counts: its window is full and ends a step after the
  // last one that did.
  bool take(const Reading& reading);

  // Of the windows that counted since the start, or since `forget`.
  Summary summary() const;

  // Forgets the windows, not the step: a stream without end would gather them for ever.
  void forget();

 private:
  double step_;
  double due_;
  std::optional<Status> latest_;
  std::size_t windows_ = 0;
  std::vector<double> rates_, clear_snrs_, other_snrs_;  // of windows that are ok, and the others
};

}  // namespace rppg
