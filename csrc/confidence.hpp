// How likely it is that a rhythm in the pulse is the heart's.
#pragma once

#include "witness.hpp"

namespace rppg {

// From 0 to 1: a small network, fitted by training/confidence.py to windows with and without a
// pulse; 0 where the testimony holds no number.
double confidence(const Testimony& said);

}  // namespace rppg
