// The settings of a stream and the result that it returns.
#pragma once

#include <stdexcept>
#include <string>

namespace rppg {

// The source of a pulse. `fusion` is the student with the temporal network and the color methods
// CHROM and POS as second opinions: in each window, the peak with the highest confidence gives the
// heart rate. `temporal` is only the source of a peak.
enum class Method { student, green, ica, chrom, pos, fusion, teacher, temporal };
inline constexpr int kMethods = 7;  // that can be chosen
inline constexpr const char* kMethodNames[] = {"student", "green",  "ica",     "chrom",
                                               "pos",     "fusion", "teacher", "temporal"};

constexpr const char* name_of(Method method) { return kMethodNames[static_cast<int>(method)]; }

// Throws std::invalid_argument if no method has that name.
inline Method method_named(const std::string& name) {
  for (int i = 0; i < kMethods; ++i)
    if (name == kMethodNames[i]) return static_cast<Method>(i);
  throw std::invalid_argument(
      "method must be 'student', 'green', 'ica', 'chrom', 'pos', 'fusion' or 'teacher', is '" +
      name + "'");
}

// Whether a method runs the network.
constexpr bool uses_network(Method method) {
  return method == Method::student || method == Method::fusion || method == Method::teacher;
}

enum class Status { warming_up, ok, no_face, low_signal, gap };

struct Reading {
  Status status;
  double heart_rate;  // bpm; NaN unless status is ok
  double snr_db;      // NaN if there is no peak
  double confidence;  // probability that the peak is the heart's, 0 to 1; NaN if there is no peak
  double start, end;  // of the window, s
  double coverage;    // share of a full window that frames cover, 0 to 1
  double candidate;   // rate of the peak, bpm, at any confidence; NaN if there is no peak
  Method source;      // method whose peak it is; undefined if there is no peak
};

struct PulseOptions {
  double rate = 30.0;  // sampling rate of the uniform grid, Hz
  double low = 0.7;    // edges of the heart's band, Hz
  double high = 4.0;
  int order = 1;                 // of the Butterworth prototype
  double window = 10.0;          // length, s
  double min_window = 5.0;       // s of pulse that are needed for a reading
  double min_confidence = 0.75;  // least confidence of a heart rate
  int peaks = 3;                 // how many of the highest peaks are examined
  double max_gap = 2.0;          // s between two frames; a longer time restarts the window
  Method method = Method::fusion;
};

}  // namespace rppg
