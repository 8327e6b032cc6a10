// The student's weights: reading a safetensors file, checking it, packing it for the kernels.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "frame/resize.hpp"
#include "kernels/contract.hpp"
#include "network/safetensors.hpp"
#include "network/weight_packing.hpp"

namespace rppg {

// A weights file as it is, checked.
struct StudentFile {
  std::vector<std::vector<float>> values;
  MotionKind input;  // the motion that the network was trained on
  Metadata metadata;
  StudentTensors tensors() const;
};

// Reads a safetensors file held in memory. It must hold exactly the six float32 tensors of the
// student in their shapes, all values finite, and the metadata "format", "version" and "input".
// Throws std::invalid_argument whose message begins with `source` and says what is wrong.
StudentFile read_student_file(const void* data, std::size_t size, const std::string& source);

struct StudentWeights {
  PackedWeights packed;
  MotionKind input;
  Metadata metadata;
};

std::unique_ptr<const StudentWeights> pack_weights(const StudentFile& file);

// Both at once.
std::unique_ptr<const StudentWeights> read_weights(const void* data, std::size_t size,
                                                   const std::string& source);

}  // namespace rppg
