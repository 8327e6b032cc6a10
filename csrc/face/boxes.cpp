#include "face/boxes.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

namespace rppg {

Face Face::scaled(double scale, double left, double top) const {
  Face out{left + scale * x0,
           top + scale * y0,
           left + scale * x1,
           top + scale * y1,
           probability,
           landmarks,
           turned};
  for (Point& point : out.landmarks) point = {left + scale * point.x, top + scale * point.y};
  return out;
}

Face Face::rotated(int degrees, int width, int height) const {
  Face out = *this;
  for (int turn = 0; turn < degrees; turn += 90) {
    const Face before = out;
    out.x0 = height - before.y1;
    out.y0 = before.x0;
    out.x1 = height - before.y0;
    out.y1 = before.x1;
    for (Point& point : out.landmarks) point = {height - point.y, point.x};
    out.turned = (before.turned + 90) % 360;
    std::swap(width, height);
  }
  return out;
}

double face_distance(const Face& face, const Face& other) {
  const Point a = face.centre(), b = other.centre();
  const double x = a.x - b.x, y = a.y - b.y;
  return std::sqrt(x * x + y * y) / std::max(face.side(), other.side());
}

int nearest_face(const std::vector<Face>& faces, const Face& face) {
  int nearest = -1;
  double least = 1.0;
  for (std::size_t i = 0; i < faces.size(); ++i) {
    const double growth = faces[i].side() / face.side(), distance = face_distance(faces[i], face);
    if (!(growth > 0.5 && growth < 2 && distance < least)) continue;
    nearest = static_cast<int>(i);
    least = distance;
  }
  return nearest;
}

Box face_box(const Face& face, int width, int height, double scale) {
  if (!(std::isfinite(scale) && scale > 0))
    throw std::invalid_argument("scale must be a positive number, got " + std::to_string(scale));
  const std::string size = std::to_string(width) + "x" + std::to_string(height);
  if (width < 1 || height < 1) throw std::invalid_argument("frame of " + size + " pixels is empty");
  const auto edge = [scale](double from, double to, int direction) {
    const double at = (from + to) / 2 + direction * scale * (to - from) / 2;
    if (!std::isfinite(at)) throw std::invalid_argument("face box is not finite");
    return std::floor(at + 0.5);
  };
  const auto clip = [](double at, int last) {
    return static_cast<int>(std::min(std::max(at, 0.0), static_cast<double>(last)));
  };
  const Box box{clip(edge(face.x0, face.x1, -1), width), clip(edge(face.y0, face.y1, -1), height),
                clip(edge(face.x0, face.x1, 1), width), clip(edge(face.y0, face.y1, 1), height)};
  if (box.x0 >= box.x1 || box.y0 >= box.y1)
    throw std::invalid_argument("no pixel of the " + size + " frame is in the enlarged face");
  return box;
}

std::vector<int> non_max_suppression(const std::vector<Edges>& boxes,
                                     const std::vector<float>& scores, float threshold,
                                     Overlap overlap) {
  const auto area = [&](int i) {
    const Edges& box = boxes[static_cast<std::size_t>(i)];
    return (box[2] - box[0]) * (box[3] - box[1]);
  };
  const auto covers = [&](int best, int other) {
    const Edges &a = boxes[static_cast<std::size_t>(best)],
                &b = boxes[static_cast<std::size_t>(other)];
    const float across = std::min(a[2], b[2]) - std::max(a[0], b[0]);
    const float down = std::min(a[3], b[3]) - std::max(a[1], b[1]);
    const float shared = std::max(across, 0.0f) * std::max(down, 0.0f);
    const float whole = overlap == Overlap::of_union ? area(best) + area(other) - shared
                                                     : std::min(area(best), area(other));
    // A product instead of a quotient: two boxes without area do not overlap, while 0 / 0 is
    // undefined.
    return !(shared <= threshold * whole);
  };
  std::vector<int> order(boxes.size()), kept;
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
  });
  for (const int candidate : order)
    if (std::none_of(kept.begin(), kept.end(), [&](int best) { return covers(best, candidate); }))
      kept.push_back(candidate);
  return kept;
}

}  // namespace rppg
