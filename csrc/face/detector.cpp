#include "face/detector.hpp"

#include <algorithm>

namespace rppg {

std::vector<Face> WholeFrameDetector::search(const FrameView& frame, int, int) {
  return find_all(frame);
}

std::optional<Sight> WholeFrameDetector::redetect(const FrameView& frame, const Face& face) {
  std::vector<Face> faces = find_all(frame);
  faces.erase(std::remove_if(faces.begin(), faces.end(),
                             [](const Face& one) { return !(one.probability >= kSure); }),
              faces.end());
  const int nearest = nearest_face(faces, face);
  if (nearest < 0) return std::nullopt;
  return Sight{faces[static_cast<std::size_t>(nearest)], true};
}

std::optional<Sight> WholeFrameDetector::check(const FrameView& frame, const Face& face) {
  return redetect(frame, face);
}

std::optional<Face> WholeFrameDetector::compare(const FrameView& frame, const Face& face) {
  const std::optional<Sight> sight = redetect(frame, face);
  return sight ? std::optional<Face>(sight->face) : std::nullopt;
}

}  // namespace rppg
