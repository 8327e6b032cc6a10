// Prints the faces that every available backend finds in a frame, one line each: the backend's
// name; edges and probabilities of all faces; the first face when it is searched again from half a
// face away; and the faces found in the frame turned by 90, 180 and 270 degrees, turned back.
// Usage: run_face WEIGHTS FRAME WIDTH HEIGHT
// FRAME is a file with packed bytes of blue, green and red.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "face/mtcnn.hpp"

namespace {

std::vector<char> read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void print(const rppg::Face& face) {
  std::printf(" %.6f %.6f %.6f %.6f %.6f", face.x0, face.y0, face.x1, face.y1, face.probability);
}

}  // namespace

int main(int, char** arguments) {
  const std::vector<char> weights = read(arguments[1]), pixels = read(arguments[2]);
  const int width = std::atoi(arguments[3]), height = std::atoi(arguments[4]);
  const rppg::FrameView frame =
      rppg::view_rgb(reinterpret_cast<const std::uint8_t*>(pixels.data()), height, width,
                     std::ptrdiff_t{3} * width, 3, 1, rppg::ColorOrder::bgr);
  const auto networks = rppg::read_face_networks(weights.data(), weights.size(), arguments[1]);
  for (const char* const* name = rppg::available_backends(); *name; ++name) {
    rppg::FaceDetector detector(networks, {}, rppg::select_kernels(*name));
    std::printf("%s", *name);
    const std::vector<rppg::Face> faces = detector.find(frame);
    for (const rppg::Face& face : faces) print(face);
    if (!faces.empty())
      if (const auto again = detector.redetect(
              frame, faces[0].scaled(1, 0.3 * faces[0].side(), 0.5 * faces[0].side())))
        print(again->face);
    for (const int turned : {90, 180, 270}) {
      const rppg::FrameView lying = frame.turned(-turned / 90);
      for (const rppg::Face& face : detector.search(lying, 1, turned))
        if (const auto compared = detector.compare(lying, face))
          print(compared->rotated(360 - turned, lying.width, lying.height));
    }
    std::printf("\n");
  }
}
