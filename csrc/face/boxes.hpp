// Faces as rectangles: matching of faces between frames, and the box of pixels to measure.
#pragma once

#include <array>
#include <vector>

#include "frame/frame.hpp"

namespace rppg {

struct Point {
  double x, y;
};

// One face, in pixels of the frame. Its edges may lie outside the frame.
struct Face {
  double x0, y0, x1, y1;
  double probability;  // from the detector
  // In the picture in which the face is upright: the left eye, the right eye, the nose, the left
  // and the right corner of the mouth (left and right as seen in the picture).
  std::array<Point, 5> landmarks{};
  // Rotation of the face clockwise from upright, degrees: 0, 90, 180 or 270.
  int turned = 0;

  double width() const { return x1 - x0; }
  double height() const { return y1 - y0; }
  double side() const { return width() > height() ? width() : height(); }
  double area() const { return width() * height(); }
  Point centre() const { return {(x0 + x1) / 2, (y0 + y1) / 2}; }
  // The same face in a frame that is `scale` times as large and whose origin is shifted by `left`
  // and `top`.
  Face scaled(double scale, double left, double top) const;
  // The same face after the frame, which is `width` x `height` pixels, was turned clockwise by
  // `degrees`, a multiple of 90.
  Face rotated(int degrees, int width, int height) const;
};

// The result of looking again at a face, and whether the whole cascade found it or O-Net alone.
struct Sight {
  Face face;
  bool by_cascade;
};

// Smallest probability of a face that counts as found.
inline constexpr double kSure = 0.9;

// Distance of the centres of two faces, in units of the larger face's side.
double face_distance(const Face& face, const Face& other);

// Index of the nearest face that can be the same as `face`, seen shortly before: its distance is
// less than one face side, and it is at most twice as large or small. -1 if there is none.
int nearest_face(const std::vector<Face>& faces, const Face& face);

// The face's box, enlarged `scale` times about its centre, with each edge rounded to the nearest
// whole pixel (halves to the right and down), and clipped to the frame. Throws
// std::invalid_argument if scale is not positive, if the frame or the resulting box is empty, or if
// the face is not finite.
Box face_box(const Face& face, int width, int height, double scale);

// x0, y0, x1, y1, in the cascade's float32.
using Edges = std::array<float, 4>;

// The area that the shared area of two boxes is divided by.
enum class Overlap { of_union, of_smaller };

// Non-maximum suppression. Boxes are taken from the highest score to the lowest (equal scores in
// their order), and each box taken removes those that overlap it by more than `threshold`. Returns
// the indices of the kept boxes, the highest score first.
std::vector<int> non_max_suppression(const std::vector<Edges>& boxes,
                                     const std::vector<float>& scores, float threshold,
                                     Overlap overlap);

}  // namespace rppg
