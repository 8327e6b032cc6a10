// The probability that a rhythm in the pulse is the heart's.
#pragma once

#include <array>
#include <vector>

#include "reading/reading.hpp"
#include "reading/region_signals.hpp"

namespace rppg {

// The confidence of a window's peak, from 0 to 1. It is the output of a small network that
// training/confidence/train.py fits to windows with and without a pulse. There is one network for
// the methods that use the student and one for the others. The result is 0 if an item of `features`
// is not finite.
double confidence(Method method, const PeakFeatures& features);

// Features of a track through the windows of a recording.
struct TrackEvidence {
  enum Item {
    mean_log_odds,  // mean of the track's windows, natural logarithm
    coverage,       // share of all windows that the track passes through
    length,         // log of the number of windows without overlap, at most three
    highest,        // the highest confidence of a window
    kCount
  };
  static constexpr int kWeighted = highest;  // the items before it have a weight
  std::array<double, kCount> items;
};

// Computes the features from the confidences of the track's windows, the share of all windows that
// these are, and the time from one window to the next, s.
TrackEvidence track_evidence(const std::vector<double>& confidences, double share, double step);

// The confidence of a track, from 0 to 1: a logistic model that training/confidence/train.py fits,
// but never more than the highest confidence of a window. So a recording can only be ok if one of
// its windows is.
double recording_confidence(const TrackEvidence& evidence);

}  // namespace rppg
