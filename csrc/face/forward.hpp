// The forward pass of one of the detector's networks, row by row. Only those rows of a map are kept
// that the next layer needs.
#pragma once

#include <vector>

#include "face/integral_image.hpp"
#include "face/weights.hpp"

namespace rppg {

class FaceForward {
 public:
  // The network must outlive this object.
  FaceForward(const FaceNetwork& network, const Kernels& kernels);

  // Sets the input: a crop of `image`, resized to `height` x `width`. The image must not change
  // until the last row of the map is computed.
  void begin(const IntegralImage& image, const Box& crop, int height, int width);

  // Size of the output map, and floats from one of its pixels to the next.
  int height() const { return maps_.back().height; }
  int width() const { return maps_.back().width; }
  int stride() const { return maps_.back().stride; }

  // Row y of the output map; call it for ascending y. The row is valid until the next call.
  const float* row(int y) { return row(maps_.size() - 1, y); }

  // Runs a network with dense layers on many crops. Its outputs are `outputs_stride` floats apart
  // and valid until the next call.
  const float* look(const IntegralImage& image, const std::vector<Box>& crops);
  int outputs_stride() const { return network_.dense.back().out; }

 private:
  // A map between two layers, of which the last `depth` rows are kept.
  struct Map {
    int height, width, stride, depth;
    int done;            // rows computed
    std::size_t offset;  // of the first row, in blocks
    std::size_t blocks() const;
  };

  float* place(const Map& map, int y);
  const float* row(std::size_t index, int y);
  void make(std::size_t index);

  const FaceNetwork& network_;
  const Kernels& kernels_;
  CropResize resize_;
  std::vector<Map> maps_;  // before each layer, and after the last
  std::vector<FloatBlock> rows_;
  std::vector<FloatBlock> tiles_;        // working memory of layers that are computed by tiles
  std::vector<FloatBlock> features_[2];  // of the dense layers
};

}  // namespace rppg
