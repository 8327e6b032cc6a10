// MTCNN: three networks of growing size. P-Net slides over a pyramid of shrunken frames and
// proposes boxes, R-Net and O-Net look again at each box, refuse most and correct the rest. Between
// the networks, boxes that show the same thing are reduced to the best and made square. The cascade
// is that of facenet-pytorch.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "face/boxes.hpp"
#include "face/forward.hpp"
#include "face/integral_image.hpp"
#include "face/weights.hpp"

namespace rppg {

struct DetectorOptions {
  // Side of the smallest face looked for, in pixels; 0: a twelfth of the frame's shorter side, at
  // least 20.
  double min_face_size = 0;
  // Smallest probability that passes P-Net, R-Net and O-Net.
  std::array<double, 3> thresholds{0.6, 0.7, 0.7};
  // Ratio of the sizes of adjacent levels of the pyramid.
  double factor = 0.709;
};

// For one thread at a time: it keeps its working memory. Equal frames give equal bits.
class FaceDetector {
 public:
  // Throws std::invalid_argument, naming it, for an option that is out of range.
  FaceDetector(std::shared_ptr<const FaceNetworks> networks, const DetectorOptions& options,
               const Kernels& kernels);

  // All faces, most probable first. Of every `step`-th pixel where it is more than 1. A frame under
  // 12 pixels high or wide has none.
  std::vector<Face> find(const FrameView& frame, int step = 1);

  // As `find`, but a face that the border of the frame cuts has the box that it would have if it
  // were whole: O-Net is shown it once more with grey in place of what is missing. The cascade
  // stretches what is left of such a face, and so places it too far out. Looks for faces that are
  // `turned` clockwise, degrees; where they are not upright, from a quarter larger ones on, which
  // saves what it costs to see the frame turned.
  std::vector<Face> locate(const FrameView& frame, int step = 1, int turned = 0);

  // Looks for a face where it was a moment ago, at a fraction of a search's cost: O-Net alone is
  // shown the old box and then, where it says that the face lies elsewhere, the box that it points
  // to. That follows a face over some four tenths of its width. Only where this fails does the
  // cascade search the surroundings. What a box shows of the outside of the frame is grey. None
  // where there is no face nearby that is turned as this one.
  std::optional<Sight> look_again(const FrameView& frame, const Face& face);

  // The same, more surely and at several times the cost: the cascade searches the surroundings
  // first, and O-Net alone decides only where that finds nothing.
  std::optional<Sight> check(const FrameView& frame, const Face& face);

  // The face that the cascade finds near another one, turned as that. How probable it is says which
  // way a face is turned: the cascade sees faces that lie, too, but is less sure of them.
  std::optional<Face> compare(const FrameView& frame, const Face& face);

  const DetectorOptions& options() const { return options_; }

 private:
  struct Candidates;

  std::vector<Face> search(double smallest);
  Candidates propose(double smallest);
  Candidates look(FaceForward& network, const Candidates& candidates, double threshold);
  std::vector<Face> find_from(const FrameView& frame, int step, double larger);
  std::optional<Sight> look_upright(const FrameView& frame, const Face& face);
  std::optional<Sight> check_upright(const FrameView& frame, const Face& face);
  std::optional<Face> follow(const FrameView& frame, const Face& face);
  std::optional<Face> search_near(const FrameView& frame, const Face& face, double across);

  std::shared_ptr<const FaceNetworks> networks_;
  DetectorOptions options_;
  Picture picture_;
  FaceForward propose_, refine_, output_;
};

}  // namespace rppg
