// The forward pass of one of the detector's networks, row by row: no more of a map is kept than the
// next layer looks at.
#pragma once

#include <vector>

#include "face/integral_image.hpp"
#include "face/weights.hpp"

namespace rppg {

class FaceForward {
 public:
  // The network must outlive it.
  FaceForward(const FaceNetwork& network, const Kernels& kernels);

  // Shows it a crop, resized, of a picture that stays as it is until the last row of the map.
  void begin(const Picture& picture, const Box& crop, int height, int width);

  // Of the map, and floats from one of its pixels to the next.
  int height() const { return maps_.back().height; }
  int width() const { return maps_.back().width; }
  int stride() const { return maps_.back().stride; }

  // Row y of the map, from the first one on; it lives until the next call.
  const float* row(int y) { return row(maps_.size() - 1, y); }

  // Shows a network with dense layers many crops; their outputs, `outputs_stride` floats apart,
  // live until the next call.
  const float* look(const Picture& picture, const std::vector<Box>& crops);
  int outputs_stride() const { return network_.dense.back().out; }

 private:
  // A map between two layers, of which `depth` rows are kept.
  struct Map {
    int height, width, stride, depth;
    int done;            // rows made
    std::size_t offset;  // of the first, in blocks
    std::size_t blocks() const;
  };

  float* place(const Map& map, int y);
  const float* row(std::size_t index, int y);
  void make(std::size_t index, int y);

  const FaceNetwork& network_;
  const Kernels& kernels_;
  Resizer resizer_;
  std::vector<Map> maps_;  // before each layer, and after the last
  std::vector<FloatBlock> rows_;
  std::vector<FloatBlock> features_[2];  // of the dense layers
};

}  // namespace rppg
