// The networks' weights: a safetensors file is read, checked and packed for the kernels.
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

// The content of a weights file, checked but not packed.
struct WeightsFile {
  std::vector<std::vector<float>> values;  // of each tensor
  MotionKind input;                        // the kind of motion that the network was trained on
  Metadata metadata;
};
struct StudentFile : WeightsFile {
  StudentTensors tensors() const;
};

// Reads a safetensors file held in memory. The file must contain exactly the float32 tensors of the
// network in their shapes, with finite values, and the metadata "format", "version" and "input".
// Throws std::invalid_argument whose message begins with `source` and says what is wrong.
StudentFile read_student_file(const void* data, std::size_t size, const std::string& source);

struct StudentWeights {
  PackedWeights packed;
  MotionKind input;
  Metadata metadata;
};

std::unique_ptr<const StudentWeights> pack_weights(const StudentFile& file);

// Reads a file as read_student_file does, and packs it.
std::unique_ptr<const StudentWeights> read_weights(const void* data, std::size_t size,
                                                   const std::string& source);

struct TeacherWeights {
  PackedTeacher packed;
  MotionKind input;
  Metadata metadata;
};

std::unique_ptr<const TeacherWeights> read_teacher_weights(const void* data, std::size_t size,
                                                           const std::string& source);

// Whether a file held in memory says that it contains a teacher. False if it cannot be read.
bool is_teacher_file(const void* data, std::size_t size) noexcept;

}  // namespace rppg
