// What a tracker asks of a face detector.
#pragma once

#include <optional>
#include <vector>

#include "face/boxes.hpp"
#include "frame/frame.hpp"

namespace rppg {

// Belongs to one thread at a time. What a member throws passes through the tracker and the monitor;
// the next frame then repeats the task.
class Detector {
 public:
  virtual ~Detector() = default;

  // Whether a search finds only faces of the rotation that it is given. If not, one search finds
  // the faces of all rotations.
  virtual bool searches_by_rotation() const = 0;

  // The faces in the frame. The search may use every `step`-th pixel only. `turned` is the rotation
  // of the faces, degrees clockwise: 0, 90, 180 or 270.
  virtual std::vector<Face> search(const FrameView& frame, int step, int turned) = 0;

  // The face that was at a known place a moment ago, at the lowest cost; none if it is not nearby.
  virtual std::optional<Sight> redetect(const FrameView& frame, const Face& face) = 0;

  // The same with the most reliable method of the detector, at a higher cost.
  virtual std::optional<Sight> check(const FrameView& frame, const Face& face) = 0;

  // The face near a known place, of the same rotation. Its probability tells how likely this
  // rotation is: it is compared with that of the other rotations.
  virtual std::optional<Face> compare(const FrameView& frame, const Face& face) = 0;
};

// A detector that can only search the whole frame. It finds a known face again among all faces.
class WholeFrameDetector : public Detector {
 public:
  bool searches_by_rotation() const final { return false; }
  std::vector<Face> search(const FrameView& frame, int step, int turned) final;
  std::optional<Sight> redetect(const FrameView& frame, const Face& face) final;
  std::optional<Sight> check(const FrameView& frame, const Face& face) final;
  std::optional<Face> compare(const FrameView& frame, const Face& face) final;

 protected:
  // The faces of all rotations in the frame.
  virtual std::vector<Face> find_all(const FrameView& frame) = 0;
};

}  // namespace rppg
