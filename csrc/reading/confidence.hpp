// How likely it is that a rhythm in the pulse is the heart's.
#pragma once

#include <array>
#include <vector>

#include "reading/reading.hpp"
#include "reading/region_signals.hpp"

namespace rppg {

// Of a peak of a window, from 0 to 1: a small network, fitted by training/confidence/train.py to windows
// with and without a pulse, one for the methods that use the student and one for the others; 0
// where an item of `said` is not a finite number.
double confidence(Method method, const Testimony& said);

// What is known of a track through the windows of a recording.
struct TrackEvidence {
  enum Item {
    mean_log_odds,  // of the windows that it passes through, natural logarithm
    coverage,       // share of all windows that these are
    length,         // log of how many windows, three at most, they make up that do not overlap
    kCount
  };
  std::array<double, kCount> items;
};

// Of the windows that a track passes through, by their confidences; the share of all windows that
// these are; and the time from one window to the next, s.
TrackEvidence track_evidence(const std::vector<double>& confidences, double coverage, double step);

// Of such a track, from 0 to 1: logistic, fitted by training/confidence/train.py.
double recording_confidence(const TrackEvidence& evidence);

}  // namespace rppg
