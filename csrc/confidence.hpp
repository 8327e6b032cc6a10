// How likely it is that a rhythm in the pulse is the heart's.
#pragma once

#include <vector>

#include "reading.hpp"
#include "witness.hpp"

namespace rppg {

// Of a peak of a window, from 0 to 1: a small network, fitted by training/confidence.py to windows
// with and without a pulse, one for the methods that use the student and one for the others; 0
// where the testimony holds no number.
double confidence(Method method, const Testimony& said);

// Of a track through the windows of a recording, from 0 to 1: by the confidences of the windows
// that it passes through, the share of all windows that these are, and the time from one window to
// the next, s. Of one window alone it is that window's.
double recording_confidence(const std::vector<double>& confidences, double coverage, double step);

}  // namespace rppg
