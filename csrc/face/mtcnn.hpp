// MTCNN: three networks of growing size. P-Net scans a pyramid of reduced frames and proposes
// boxes. R-Net and O-Net examine each box again, reject most and correct the others. Between the
// networks, overlapping boxes are reduced to the best one, and boxes are made square. The cascade
// is the same as in facenet-pytorch.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "face/boxes.hpp"
#include "face/detector.hpp"
#include "face/forward.hpp"
#include "face/integral_image.hpp"
#include "face/weights.hpp"

namespace rppg {

struct DetectorOptions {
  // Side of the smallest face that is searched, in pixels. 0 means a twelfth of the frame's shorter
  // side, but at least 20.
  double min_face_size = 0;
  // Smallest probability that passes P-Net, R-Net and O-Net.
  std::array<double, 3> thresholds{0.6, 0.7, 0.7};
  // Ratio of the sizes of adjacent levels of the pyramid.
  double factor = 0.709;
};

// Not for use by two threads at the same time, because it keeps working memory. Equal frames give
// equal bits.
class FaceDetector final : public Detector {
 public:
  // Throws std::invalid_argument that names an option that is out of range.
  FaceDetector(std::shared_ptr<const FaceNetworks> networks, const DetectorOptions& options,
               const Kernels& kernels);

  // All faces, the most probable first. If `step` is more than 1, only every `step`-th pixel is
  // used. A frame less than 12 pixels high or wide has no faces.
  std::vector<Face> find(const FrameView& frame, int step = 1);

  // The same as `find`, but a face that is cut by the border of the frame gets the box of the whole
  // face: O-Net sees it once more with grey in place of the missing pixels. The cascade stretches
  // the visible part of such a face and so places it too far out. The function searches faces that
  // are `turned` clockwise, in degrees. For faces that are not upright, the smallest size is 1.25
  // times as large; this saves as much time as turning the frame costs.
  std::vector<Face> search(const FrameView& frame, int step, int turned) override;
  bool searches_by_rotation() const override { return true; }

  // Looks for a face near its last position, at a fraction of a search's cost. O-Net sees the old
  // box and, if it reports another place, the box at that place; this follows a movement of up to
  // about 0.4 face widths. Only if O-Net fails does the cascade search the surroundings. Pixels
  // outside the frame are grey. Returns nothing if there is no face nearby that is turned in the
  // same way.
  std::optional<Sight> redetect(const FrameView& frame, const Face& face) override;

  // The same with more certainty and at several times the cost: the cascade searches the
  // surroundings first, and O-Net alone decides only if the cascade finds nothing.
  std::optional<Sight> check(const FrameView& frame, const Face& face) override;

  // The face that the cascade finds near `face`, turned in the same way. Its probability shows
  // which way a face is turned: the cascade also finds faces that are not upright, but with a lower
  // probability.
  std::optional<Face> compare(const FrameView& frame, const Face& face) override;

  const DetectorOptions& options() const { return options_; }

 private:
  struct Candidates;

  std::vector<Face> run_cascade(double smallest);
  Candidates run_pnet(double smallest);
  Candidates look(FaceForward& network, const Candidates& candidates, double threshold);
  std::vector<Face> find_from(const FrameView& frame, int step, double larger);
  std::optional<Sight> look_upright(const FrameView& frame, const Face& face);
  std::optional<Sight> check_upright(const FrameView& frame, const Face& face);
  std::optional<Face> follow(const FrameView& frame, const Face& face);
  std::optional<Face> search_near(const FrameView& frame, const Face& face, double across);

  std::shared_ptr<const FaceNetworks> networks_;
  DetectorOptions options_;
  IntegralImage image_;
  FaceForward pnet_, rnet_, onet_;
};

}  // namespace rppg
