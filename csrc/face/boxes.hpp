// Faces as rectangles: which one is which, and which pixels to measure.
#pragma once

#include <array>
#include <vector>

#include "frame/frame.hpp"

namespace rppg {

struct Point {
  double x, y;
};

// One face, in pixels of the frame; its edges may lie outside.
struct Face {
  double x0, y0, x1, y1;
  double probability;  // the detector's own
  // The eye on the left of the picture in which the face is upright, the one on the right, the
  // nose, the left and the right corner of the mouth.
  std::array<Point, 5> landmarks{};
  // How far it is turned clockwise from upright, degrees: 0, 90, 180 or 270.
  int turned = 0;

  double width() const { return x1 - x0; }
  double height() const { return y1 - y0; }
  double side() const { return width() > height() ? width() : height(); }
  double area() const { return width() * height(); }
  Point centre() const { return {(x0 + x1) / 2, (y0 + y1) / 2}; }
  // In a frame that is `scale` times as large and begins further out.
  Face scaled(double scale, double left, double top) const;
  // In the frame, of that size, turned clockwise by `degrees`, a multiple of 90.
  Face rotated(int degrees, int width, int height) const;
};

// A face that was looked at again, and whether the whole cascade has found it or O-Net alone.
struct Sight {
  Face face;
  bool by_cascade;
};

// How far apart two faces are, in units of the larger one's side.
double face_distance(const Face& face, const Face& other);

// The nearest of the faces that could be the same as one seen a moment ago: less than a face away,
// at most twice as large or small. -1 where there is none.
int nearest_face(const std::vector<Face>& faces, const Face& face);

// The face's box enlarged `scale` times about its centre, each edge at the nearest whole pixel
// (halves to the right and down), and clipped to the frame. Throws std::invalid_argument where
// scale is not positive, the frame or what is left of the box is empty, or the face not finite.
Box face_box(const Face& face, int width, int height, double scale);

// x0, y0, x1, y1, as the cascade computes with them.
using Edges = std::array<float, 4>;

// What the shared area of two boxes is divided by.
enum class Overlap { of_union, of_smaller };

// Non-maximum suppression: boxes are taken from the highest score down (equal scores in their
// order), each one taken removes those that overlap it by more than `threshold`. Indices of the
// kept ones, highest score first.
std::vector<int> suppress(const std::vector<Edges>& boxes, const std::vector<float>& scores,
                          float threshold, Overlap overlap);

}  // namespace rppg
