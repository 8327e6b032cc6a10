// One face in a whole recording: which of its readings count, its pulse, and its last place.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "monitor/monitor.hpp"
#include "reading/summary.hpp"

namespace rppg {

class Recording {
 public:
  // The arguments of RecordingSummary.
  Recording(double step, double max_gap, double min_confidence)
      : summary_(step, max_gap, min_confidence) {}

  // Takes what `monitor` measured of the newest frame: of the face with number `id`, or, without a
  // number, of its one face. Returns whether the reading counts, as RecordingSummary::push does.
  bool take(const Monitor& monitor, const std::optional<std::int64_t>& id);

  Summary summary() const { return summary_.summary(); }

  // The samples of the pulse before the filter: times (s), values, and which of them are missing.
  const std::vector<double>& times() const { return times_; }
  const std::vector<double>& values() const { return values_; }
  const std::vector<unsigned char>& missing() const { return missing_; }

  // The box in the last frame with the face, and how far the face was turned, degrees; none, and 0,
  // if there was no face.
  const std::optional<Box>& box() const { return box_; }
  int turned() const { return turned_; }

 private:
  RecordingSummary summary_;
  std::uint64_t seen_ = 0;  // index of the next sample
  std::vector<double> times_, values_;
  std::vector<unsigned char> missing_;
  std::optional<Box> box_;
  int turned_ = 0;
};

}  // namespace rppg
