// MTCNN's three networks (Zhang, Zhang, Li, Qiao, "Joint face detection and alignment using
// multitask cascaded convolutional networks", 2016): their layers and weights.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "kernels/contract.hpp"

namespace rppg {

// A block of floats with the alignment that the kernels need.
struct alignas(kAlignment) FloatBlock {
  float values[kBlock];
};

// A convolution with its PReLU, or a max pooling.
struct FaceLayer {
  int size, stride;  // of the filter or the pooling window, pixels
  int in_stride;     // floats from one input pixel to the next
  int out;           // floats from one output pixel to the next
  bool pools;
  int in = 0;                      // channels of an input pixel that are used
  bool tiled = false;              // computed by tiles
  std::vector<FloatBlock> values;  // weights, bias, slope

  Convolution convolution() const;
  // Rows or columns that the layer makes of `length` rows or columns.
  int output_length(int length) const;
  // Output rows that are computed at a time, and input rows that this takes.
  int rows_made() const { return tiled ? kFaceRowsAtOnce : 1; }
  int rows_read() const { return tiled ? kFaceRowsAtOnce + 2 : size; }
};

struct FaceNetwork {
  int side;                       // of the input image; 0: any size, and the output is a map
  int outputs;                    // the logit of "face", 4 shifts of the box's edges, 10 landmarks
  std::vector<FaceLayer> layers;  // on maps
  std::vector<FaceLayer> dense;   // after these, for one image
};

// P-Net, R-Net and O-Net; immutable.
struct FaceNetworks {
  FaceNetwork pnet, rnet, onet;
};

// Reads the safetensors file of training/models/export_mtcnn.py, held in memory. Throws
// std::invalid_argument whose message begins with `source` and says what is wrong.
std::shared_ptr<const FaceNetworks> read_face_networks(const void* data, std::size_t size,
                                                       const std::string& source);

}  // namespace rppg
