// The student's weights: reading a safetensors file, checking it, packing it for the kernels.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "frame.hpp"
#include "kernels/kernels.hpp"

namespace rppg {

// What a weights file says of itself, strings throughout.
using Metadata = std::map<std::string, std::string>;

struct StudentWeights {
  PackedWeights packed;
  MotionKind input;  // the motion that the network was trained on
  Metadata metadata;
};

// Reads a safetensors file held in memory. It must hold exactly the six float32 tensors of the
// student in their shapes, all values finite, and the metadata "format", "version" and "input".
// Throws std::invalid_argument whose message begins with `source` and says what is wrong.
std::unique_ptr<const StudentWeights> read_weights(const void* data, std::size_t size,
                                                   const std::string& source);

}  // namespace rppg
