// Frames in, readings out: finds the face, follows it, and measures it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "face/mtcnn.hpp"
#include "face/tracker.hpp"
#include "monitor/stream.hpp"
#include "reading/patience.hpp"
#include "signal/clock.hpp"

namespace rppg {

// Not for two threads at once; separate monitors are independent.
class Monitor {
 public:
  // `box_scale`: how much larger than a face the box is that is measured.
  Monitor(std::shared_ptr<const Student> student, const PulseOptions& options,
          std::shared_ptr<const FaceNetworks> networks, const DetectorOptions& detector,
          double box_scale);

  // Takes the frame seen at `time` (s) and reads the window that ends there; without a face, the
  // status says so. A face may be turned by any quarter turns. The window of a face that was away
  // goes on where it is back within the longest gap. A face that shows no sign of a pulse for a
  // full window makes room for another one. At most one look at the face or one search is spent on
  // a frame. In a frame of another size the face is searched anew. Throws TimeError for a time that
  // Clock refuses.
  Reading push(const FrameView& frame, double time);

  // The pixels that are measured; none while there is no face.
  const std::optional<Box>& box() const { return box_; }
  // How far the face in it is turned clockwise, degrees; 0 while there is none.
  int turned() const { return box_ ? turned_ : 0; }
  PulseWindow& pulse() { return stream_.pulse(); }

  // As if new.
  void reset();

 private:
  void lose();
  void track(const FrameView& frame, double time);

  Stream stream_;
  FaceDetector detector_;
  FaceTracker tracker_;
  Clock clock_;  // of the frames without a face
  Patience patience_;
  std::optional<Box> box_;
  int turned_ = 0;
  std::int64_t face_ = 0;  // the number of the one that the window is of; 0 without any
  double seen_ = 0;        // when it was measured last, s
  int width_ = 0, height_ = 0;
  double time_ = 0;
};

}  // namespace rppg
