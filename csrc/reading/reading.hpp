// What a stream is asked for, and what it answers.
#pragma once

#include <stdexcept>
#include <string>

namespace rppg {

// Where a pulse comes from. `fusion` is the network with the colour methods CHROM and POS as second
// opinions: in each window the most trusted of their peaks is the heart's.
enum class Method { student, green, ica, chrom, pos, fusion };
inline constexpr int kMethods = 6;
inline constexpr const char* kMethodNames[kMethods] = {"student", "green", "ica",
                                                       "chrom",   "pos",   "fusion"};

inline constexpr const char* name_of(Method method) {
  return kMethodNames[static_cast<int>(method)];
}

// Throws std::invalid_argument where there is none of that name.
inline Method method_named(const std::string& name) {
  for (int i = 0; i < kMethods; ++i)
    if (name == kMethodNames[i]) return static_cast<Method>(i);
  throw std::invalid_argument(
      "method must be 'student', 'green', 'ica', 'chrom', 'pos' or 'fusion', is '" + name + "'");
}

// Whether a method runs the network.
inline constexpr bool uses_network(Method method) {
  return method == Method::student || method == Method::fusion;
}

enum class Status { warming_up, ok, no_face, low_signal, gap };

struct Reading {
  Status status;
  double heart_rate;  // bpm; NaN unless status is ok
  double snr_db;      // NaN where there is no peak to speak of
  double confidence;  // that the peak is the heart's, 0 to 1; NaN where there is none
  double start, end;  // the window that was read, s
  double coverage;    // share of a full window that was seen, 0 to 1
  double candidate;  // rate of the peak, bpm, whether it is trusted or not; NaN where there is none
  Method source;     // whose peak it is; means nothing where there is none
};

struct PulseOptions {
  double rate = 30.0;  // of the uniform grid, Hz
  double low = 0.7;    // of the heart's band, Hz
  double high = 4.0;
  int order = 1;                 // of the Butterworth prototype
  double window = 10.0;          // s
  double min_window = 5.0;       // s of pulse that must have been seen before there is a reading
  double min_confidence = 0.75;  // below it a peak is no heart rate
  int peaks = 3;                 // of the spectrum are tried, the highest first
  double max_gap = 2.0;          // s between two frames: what is longer begins the window anew
  Method method = Method::fusion;
};

}  // namespace rppg
