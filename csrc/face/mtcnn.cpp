#include "face/mtcnn.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "signal/elementary.hpp"

namespace rppg {
namespace {

// P-Net sees a window of 12 pixels that moves by 2 pixels.
constexpr int kWindow = 12, kStride = 2;
// Boxes per forward pass of R-Net and O-Net. The limit bounds the memory for a cluttered frame.
constexpr std::size_t kBatch = 64;
// Outputs for a box besides its probability.
constexpr int kShifts = 4, kPoints = 10;

// The default for the smallest face: a twelfth of the frame's shorter side (40 pixels at 640x480, a
// face about two metres from a usual webcam), but not below the 20 pixels usual for MTCNN.
constexpr double kFacesPerSide = 12, kSmallestFace = 20;

// Factor on the smallest size of faces that are not upright.
constexpr double kLyingLarger = 1.25;

// Looking again at a face: the largest number of passes of O-Net, and the shift of the edges of the
// square that it sees, relative to the side, below which another pass would see nearly the same
// pixels.
constexpr int kLooks = 3;
constexpr float kSettled = 0.1f;
// Side of the region that the cascade searches, in units of the face's side: kNeighbourhood if
// O-Net finds nothing, and kChecked for a check of a face that is hardly lost, which has less than
// half the pixels. Faces smaller than kShrunken times the old size are not searched. The region
// extends beyond the frame by at most kBeyond face sides, because a face whose centre is in the
// frame reaches no further.
constexpr double kNeighbourhood = 3.0, kChecked = 2.0, kShrunken = 0.6, kBeyond = 0.5;
// If O-Net moves the edges of the cascade's face by less than this, relative to its size, O-Net's
// place is used. Then looks and checks agree for a face that does not move.
constexpr float kAgreed = 0.25f;
// Limit for the edges of a part, in pixels, so that they fit in an int for any box.
constexpr float kFarthest = static_cast<float>(kLongestSide);
// Pixels across a face that are sufficient for O-Net and for the cascade. Larger faces are
// subsampled.
constexpr double kFine = 96, kCoarse = 48;

constexpr double kNobody = -std::numeric_limits<double>::infinity();

float sigmoid(float logit) {
  return static_cast<float>(1.0 / (1.0 + elementary::exp(-static_cast<double>(logit))));
}

// A view of the frame in which faces turned clockwise by `turned` degrees are upright.
struct Upright {
  Upright(const FrameView& seen, int degrees)
      : turned(degrees), back((360 - degrees) % 360), frame(seen), view(seen.turned(turned / 90)) {}

  Face in(const Face& face) const { return face.rotated(back, frame.width, frame.height); }
  Face out(const Face& face) const { return face.rotated(turned, view.width, view.height); }

  const int turned, back;
  const FrameView& frame;
  const FrameView view;
};

// Moves the edges by shifts in units of the box's size, to which `extra` pixels are added.
Edges shifted(const Edges& box, const float* shifts, float extra) {
  const float width = box[2] - box[0] + extra, height = box[3] - box[1] + extra;
  return {box[0] + shifts[0] * width, box[1] + shifts[1] * height, box[2] + shifts[2] * width,
          box[3] + shifts[3] * height};
}

// The square with the same centre and the side of the longer side.
Edges squared(const Edges& box) {
  const float width = box[2] - box[0], height = box[3] - box[1], side = std::max(width, height);
  const float x = box[0] + width * 0.5f - side * 0.5f, y = box[1] + height * 0.5f - side * 0.5f;
  return {x, y, x + side, y + side};
}

// Clamps to [0, last] and drops the fraction; NaN becomes 0.
int clip(float edge, int last) {
  return edge > 0 ? static_cast<int>(std::min(edge, static_cast<float>(last))) : 0;
}

// The pixels of a box that lie in an image; empty if there are none.
Box inside(const Edges& box, const IntegralImage& image) {
  // The networks were trained with MATLAB's coordinates: pixels are counted from 1, and the last
  // one is included.
  return {std::max(clip(box[0], image.width() + 1), 1) - 1,
          std::max(clip(box[1], image.height() + 1), 1) - 1, clip(box[2], image.width()),
          clip(box[3], image.height())};
}

// The part of the plane between `edges`, subsampled by `step`.
SampledBox part_of(const Edges& edges, double step) {
  const auto whole = [](float edge) {  // NaN becomes the lowest value, so that the part is empty
    return static_cast<int>(edge > -kFarthest ? std::min(edge, 2 * kFarthest) : -kFarthest);
  };
  return {{whole(std::floor(edges[0])), whole(std::floor(edges[1])), whole(std::ceil(edges[2])),
           whole(std::ceil(edges[3]))},
          step > 1 ? static_cast<int>(std::min(step, static_cast<double>(kLongestSide))) : 1};
}

// Whether a part overlaps the frame.
bool shows(const SampledBox& part, const FrameView& frame) {
  return std::max(part.box.x0, 0) < std::min(part.box.x1, frame.width) &&
         std::max(part.box.y0, 0) < std::min(part.box.y1, frame.height);
}

Edges inward(const Edges& box, const SampledBox& part) {
  const auto x = static_cast<float>(part.box.x0), y = static_cast<float>(part.box.y0);
  const auto step = static_cast<float>(part.step);
  return {(box[0] - x) / step, (box[1] - y) / step, (box[2] - x) / step, (box[3] - y) / step};
}

Face outward(const Face& face, const SampledBox& part) {
  return face.scaled(part.step, part.box.x0, part.box.y0);
}

// The face that O-Net's shifts and landmarks describe, relative to a box.
Face face_of(const Edges& box, float score, const float* regression) {
  const Edges at = shifted(box, regression, 1);
  Face face{at[0], at[1], at[2], at[3], score, {}};
  const float width = box[2] - box[0] + 1, height = box[3] - box[1] + 1;
  for (std::size_t i = 0; i < face.landmarks.size(); ++i)
    face.landmarks[i] = {regression[kShifts + i] * width + box[0] - 1,
                         regression[kShifts + face.landmarks.size() + i] * height + box[1] - 1};
  return face;
}

Edges edges_of(const Face& face) {
  return {static_cast<float>(face.x0), static_cast<float>(face.y0), static_cast<float>(face.x1),
          static_cast<float>(face.y1)};
}

// The largest distance by which an edge was moved.
float moved(const Edges& before, const Edges& after) {
  float most = 0;
  for (std::size_t i = 0; i < before.size(); ++i)
    most = std::max(most, std::abs(after[i] - before[i]));
  return most;
}

void check_options(const DetectorOptions& options) {
  const double least = options.min_face_size;
  if (least != 0 && !(least >= kWindow && std::isfinite(least)))
    throw std::invalid_argument("min_face_size must be at least 12, got " + std::to_string(least));
  for (const double threshold : options.thresholds)
    if (!(threshold > 0 && threshold < 1))
      throw std::invalid_argument("thresholds must be three numbers in (0, 1), got " +
                                  std::to_string(threshold));
  if (!(options.factor > 0 && options.factor < 1))
    throw std::invalid_argument("factor must be in (0, 1), got " + std::to_string(options.factor));
}

}  // namespace

struct FaceDetector::Candidates {
  using Regression = std::array<float, kShifts + kPoints>;
  std::vector<Edges> boxes;
  std::vector<float> scores;
  std::vector<Regression> regression;

  std::size_t size() const { return boxes.size(); }

  void add(const Edges& box, float score, const float* outputs, int count) {
    boxes.push_back(box);
    scores.push_back(score);
    regression.emplace_back();
    std::copy_n(outputs, count, regression.back().begin());
  }

  // Adds the candidates of another list that remain after suppression.
  void add_all(const Candidates& other, float threshold, Overlap overlap = Overlap::of_union) {
    for (const int kept : non_max_suppression(other.boxes, other.scores, threshold, overlap)) {
      const auto i = static_cast<std::size_t>(kept);
      add(other.boxes[i], other.scores[i], other.regression[i].data(), kShifts + kPoints);
    }
  }

  // Moves each box by its shifts and makes it square.
  void correct(float extra) {
    for (std::size_t i = 0; i < size(); ++i)
      boxes[i] = squared(shifted(boxes[i], regression[i].data(), extra));
  }
};

FaceDetector::FaceDetector(std::shared_ptr<const FaceNetworks> networks,
                           const DetectorOptions& options, const Kernels& kernels)
    : networks_(std::move(networks)),
      options_(options),
      image_(kernels),
      pnet_(networks_->pnet, kernels),
      rnet_(networks_->rnet, kernels),
      onet_(networks_->onet, kernels) {
  check_options(options_);
}

std::vector<Face> FaceDetector::find(const FrameView& frame, int step) {
  return find_from(frame, step, 1.0);
}

// Finds faces from `larger` times the smallest size on.
std::vector<Face> FaceDetector::find_from(const FrameView& frame, int step, double larger) {
  const SampledBox part{{0, 0, frame.width, frame.height}, step};
  const int side = std::min(part.width(), part.height());
  if (side < kWindow) return {};
  image_.fill(frame, part);
  const double least = options_.min_face_size;
  std::vector<Face> faces =
      run_cascade(larger * (least != 0 ? std::max<double>(kWindow, least / step)
                                       : std::max(kSmallestFace, side / kFacesPerSide)));
  if (step > 1)
    for (Face& face : faces) face = outward(face, part);
  return faces;
}

std::vector<Face> FaceDetector::search(const FrameView& frame, int step, int turned) {
  const Upright upright(frame, turned);
  std::vector<Face> faces = find_from(upright.view, step, turned == 0 ? 1.0 : kLyingLarger);
  for (Face& face : faces) {
    face = upright.out(face);
    const Edges seen = squared(edges_of(face));
    if (seen[0] >= 0 && seen[1] >= 0 && seen[2] <= static_cast<float>(frame.width) &&
        seen[3] <= static_cast<float>(frame.height))
      continue;
    const double probability = face.probability;
    if (const std::optional<Sight> whole = redetect(frame, face)) {
      face = whole->face;
      face.probability = std::max(probability, face.probability);
    }
  }
  return faces;
}

std::vector<Face> FaceDetector::run_cascade(double smallest) {
  Candidates refined, found;
  refined.add_all(look(rnet_, run_pnet(smallest), options_.thresholds[1]), 0.7f);
  refined.correct(1);
  const Candidates seen = look(onet_, refined, options_.thresholds[2]);
  Candidates corrected = seen;
  for (std::size_t i = 0; i < seen.size(); ++i)
    corrected.boxes[i] = shifted(seen.boxes[i], seen.regression[i].data(), 1);
  std::vector<Face> faces;
  for (const int kept :
       non_max_suppression(corrected.boxes, seen.scores, 0.7f, Overlap::of_smaller)) {
    const auto i = static_cast<std::size_t>(kept);
    faces.push_back(face_of(seen.boxes[i], seen.scores[i], seen.regression[i].data()));
  }
  return faces;
}

// Runs P-Net over the pyramid; a face of size `smallest` fills its window at the first level.
// Returns square boxes.
FaceDetector::Candidates FaceDetector::run_pnet(double smallest) {
  const Box whole{0, 0, image_.width(), image_.height()};
  const auto least = static_cast<float>(options_.thresholds[0]);
  Candidates all, kept;
  double scale = kWindow / smallest;
  while (std::min(whole.x1, whole.y1) * scale >= kWindow) {
    Candidates level;
    pnet_.begin(image_, whole, static_cast<int>(whole.y1 * scale + 1),
                static_cast<int>(whole.x1 * scale + 1));
    // float32 as in facenet-pytorch, for the same result if the quotient is a whole number
    const auto place = [s = static_cast<float>(scale)](int pixel) {
      return std::floor(static_cast<float>(pixel) / s);
    };
    for (int y = 0; y < pnet_.height(); ++y) {
      const float* outputs = pnet_.row(y);
      for (int x = 0; x < pnet_.width(); ++x, outputs += pnet_.stride()) {
        const float score = sigmoid(outputs[0]);
        if (score < least) continue;
        level.add({place(kStride * x + 1), place(kStride * y + 1), place(kStride * x + kWindow),
                   place(kStride * y + kWindow)},
                  score, outputs + 1, kShifts);
      }
    }
    all.add_all(level, 0.5f);
    scale *= options_.factor;
  }
  kept.add_all(all, 0.7f);
  kept.correct(0);
  return kept;
}

// Runs R-Net or O-Net on boxes; returns those that pass, with the network's outputs.
FaceDetector::Candidates FaceDetector::look(FaceForward& network, const Candidates& candidates,
                                            double threshold) {
  Candidates passed;
  std::vector<Box> crops;
  std::vector<std::size_t> indices;
  const int regression = &network == &onet_ ? kShifts + kPoints : kShifts;
  for (std::size_t next = 0; next < candidates.size();) {
    crops.clear();
    indices.clear();
    for (; next < candidates.size() && crops.size() < kBatch; ++next) {
      const Box crop = inside(candidates.boxes[next], image_);
      if (crop.x0 >= crop.x1 || crop.y0 >= crop.y1) continue;
      crops.push_back(crop);
      indices.push_back(next);
    }
    const float* outputs = network.look(image_, crops);
    for (const std::size_t i : indices) {
      const float score = sigmoid(outputs[0]);
      if (static_cast<double>(score) > threshold)
        passed.add(candidates.boxes[i], score, outputs + 1, regression);
      outputs += network.outputs_stride();
    }
  }
  return passed;
}

std::optional<Sight> FaceDetector::redetect(const FrameView& frame, const Face& face) {
  const Upright upright(frame, face.turned);
  std::optional<Sight> sight = look_upright(upright.view, upright.in(face));
  if (sight) sight->face = upright.out(sight->face);
  return sight;
}

std::optional<Sight> FaceDetector::check(const FrameView& frame, const Face& face) {
  const Upright upright(frame, face.turned);
  std::optional<Sight> sight = check_upright(upright.view, upright.in(face));
  if (sight) sight->face = upright.out(sight->face);
  return sight;
}

std::optional<Face> FaceDetector::compare(const FrameView& frame, const Face& face) {
  const Upright upright(frame, face.turned);
  std::optional<Face> found = search_near(upright.view, upright.in(face), kChecked);
  if (found) found = upright.out(*found);
  return found;
}

std::optional<Sight> FaceDetector::look_upright(const FrameView& frame, const Face& face) {
  if (const std::optional<Face> found = follow(frame, face)) return Sight{*found, false};
  if (const std::optional<Face> found = search_near(frame, face, kNeighbourhood))
    return Sight{*found, true};
  return {};
}

std::optional<Sight> FaceDetector::check_upright(const FrameView& frame, const Face& face) {
  const std::optional<Face> found = search_near(frame, face, kChecked);
  const std::optional<Face> followed = follow(frame, found ? *found : face);
  if (!found && followed) return Sight{*followed, false};
  if (!found) return {};
  const bool agreed = followed && moved(edges_of(*found), edges_of(*followed)) <
                                      kAgreed * static_cast<float>(found->side());
  return Sight{agreed ? *followed : *found, true};
}

std::optional<Face> FaceDetector::follow(const FrameView& frame, const Face& face) {
  Edges box = edges_of(face);
  for (int look_number = 1; look_number <= kLooks; ++look_number) {
    const Edges square = squared(box);
    const float side = square[2] - square[0];
    if (!(side > 0)) return {};
    const SampledBox part = part_of(square, static_cast<double>(side) / kFine);
    if (!shows(part, frame)) return {};
    image_.fill(frame, part);
    Candidates candidate;
    candidate.boxes.push_back(inward(square, part));
    const Candidates seen = look(onet_, candidate, kNobody);
    if (seen.size() == 0) return {};
    const Face found =
        outward(face_of(seen.boxes[0], seen.scores[0], seen.regression[0].data()), part);
    box = edges_of(found);
    const bool settled = moved(square, squared(box)) < kSettled * side || look_number == kLooks;
    if (found.probability > options_.thresholds[2] && settled) return found;
  }
  return {};
}

std::optional<Face> FaceDetector::search_near(const FrameView& frame, const Face& face,
                                              double across) {
  const Point centre = face.centre();
  const double reach = across / 2 * face.side(), beyond = kBeyond * face.side();
  const auto low = [&](double at) { return static_cast<float>(std::max(at - reach, -beyond)); };
  const auto high = [&](double at, int length) {
    return static_cast<float>(std::min(at + reach, length + beyond));
  };
  const SampledBox part = part_of(
      {low(centre.x), low(centre.y), high(centre.x, frame.width), high(centre.y, frame.height)},
      face.side() / kCoarse);
  if (!shows(part, frame) || std::min(part.width(), part.height()) < kWindow) return {};
  image_.fill(frame, part);
  std::vector<Face> faces =
      run_cascade(std::max<double>(kWindow, kShrunken * face.side() / part.step));
  for (Face& each : faces) each = outward(each, part);
  const int nearest = nearest_face(faces, face);
  if (nearest < 0) return {};
  return faces[static_cast<std::size_t>(nearest)];
}

}  // namespace rppg
