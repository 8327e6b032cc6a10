// MTCNN's three networks (Zhang, Zhang, Li, Qiao, "Joint face detection and alignment using
// multitask cascaded convolutional networks", 2016): their layers and weights.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "kernels/contract.hpp"

namespace rppg {

// Floats as the kernels like them.
struct alignas(kAlignment) FloatBlock {
  float values[kBlock];
};

// A convolution with its PReLU, or a max pooling.
struct FaceLayer {
  int size, stride;  // of the window
  int in_stride;     // floats from one pixel to the next, before it
  int out;           // and after it
  bool pools;
  int in = 0;                      // channels of a pixel that count
  std::vector<FloatBlock> values;  // weights, bias, slope

  Convolution convolution() const;
  // Rows or columns that it makes of `length`.
  int output_length(int length) const;
};

struct FaceNetwork {
  int side;                       // of the picture that it takes; 0: any, and it gives a map
  int outputs;                    // the logit of "face", 4 shifts of the box's edges, 10 landmarks
  std::vector<FaceLayer> layers;  // on maps
  std::vector<FaceLayer> dense;   // on what these leave of a picture
};

// P-Net, R-Net and O-Net. It never changes.
struct FaceNetworks {
  FaceNetwork propose, refine, output;
};

// Reads the safetensors file of training/models/export_mtcnn.py, held in memory. Throws
// std::invalid_argument whose message begins with `source` and says what is wrong.
std::shared_ptr<const FaceNetworks> read_face_networks(const void* data, std::size_t size,
                                                       const std::string& source);

}  // namespace rppg
