#include "network/weights.hpp"

#include <stdexcept>
#include <utility>

namespace rppg {
namespace {

using Expected = std::vector<ExpectedTensor>;

constexpr const char* kStudentFormat = "rppg_fast.student";
constexpr const char* kTeacherFormat = "rppg_fast.teacher";

// The student's tensors, in the order of StudentTensors.
const Expected& student_tensors() {
  static const Expected tensors = {
      {"conv1.weight", {kMaps1, kColors, 3, 3}},
      {"conv1.bias", {kMaps1}},
      {"conv2.weight", {kMaps2, kMaps1, 3, 3}},
      {"conv2.bias", {kMaps2}},
      {"fc.weight", {1, kFeatures}},
      {"fc.bias", {1}},
  };
  return tensors;
}

// The teacher's tensors, in the order of TeacherTensors.
const Expected& teacher_tensors() {
  static const Expected tensors = [] {
    Expected all;
    for (const std::string branch : {"motion.", "appearance."}) {
      constexpr std::uint64_t kMaps[] = {kColors, kMaps1, kMaps1, kMaps2, kMaps2};
      for (std::size_t i = 0; i < 4; ++i) {
        const std::string name = branch + "conv" + std::to_string(i + 1);
        all.push_back({name + ".weight", {kMaps[i + 1], kMaps[i], 3, 3}});
        all.push_back({name + ".bias", {kMaps[i + 1]}});
      }
    }
    const Expected rest = {
        {"attention1.weight", {1, kMaps1, 1, 1}},    {"attention1.bias", {1}},
        {"attention2.weight", {1, kMaps2, 1, 1}},    {"attention2.bias", {1}},
        {"fc1.weight", {kTeacherHidden, kFeatures}}, {"fc1.bias", {kTeacherHidden}},
        {"fc2.weight", {1, kTeacherHidden}},         {"fc2.bias", {1}},
    };
    all.insert(all.end(), rest.begin(), rest.end());
    return all;
  }();
  return tensors;
}

MotionKind input_of(const Metadata& metadata) {
  const std::string& input = require_metadata(metadata, "input");
  if (input == "normalized") return MotionKind::normalized;
  if (input == "difference") return MotionKind::difference;
  throw std::invalid_argument("its input is '" + input +
                              "', neither 'normalized' nor 'difference'");
}

WeightsFile read_file(const void* data, std::size_t size, const std::string& source,
                      const char* format, const Expected& expected) {
  try {
    const Safetensors file = parse_safetensors(data, size);
    check_format(file.metadata, format);
    check_tensors(file, expected);
    WeightsFile read{{}, input_of(file.metadata), file.metadata};
    for (const ExpectedTensor& tensor : expected) read.values.push_back(read_floats(file, tensor));
    return read;
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(source + ": " + error.what());
  }
}

TeacherTensors tensors_of(const WeightsFile& file) {
  auto next = file.values.begin();
  TeacherTensors tensors;
  for (BranchTensors* branch : {&tensors.motion, &tensors.appearance})
    for (LayerTensors& layer : branch->layers) layer = {(next++)->data(), (next++)->data()};
  for (LayerTensors* layer :
       {&tensors.attention1, &tensors.attention2, &tensors.hidden, &tensors.output})
    *layer = {(next++)->data(), (next++)->data()};
  return tensors;
}

}  // namespace

StudentTensors StudentFile::tensors() const {
  return {values[0].data(), values[1].data(), values[2].data(),
          values[3].data(), values[4].data(), values[5].data()};
}

StudentFile read_student_file(const void* data, std::size_t size, const std::string& source) {
  return {read_file(data, size, source, kStudentFormat, student_tensors())};
}

std::unique_ptr<const StudentWeights> pack_weights(const StudentFile& file) {
  auto weights = std::make_unique<StudentWeights>();
  weights->input = file.input;
  weights->metadata = file.metadata;
  pack(file.tensors(), weights->packed);
  return weights;
}

std::unique_ptr<const StudentWeights> read_weights(const void* data, std::size_t size,
                                                   const std::string& source) {
  return pack_weights(read_student_file(data, size, source));
}

std::unique_ptr<const TeacherWeights> read_teacher_weights(const void* data, std::size_t size,
                                                           const std::string& source) {
  const WeightsFile file = read_file(data, size, source, kTeacherFormat, teacher_tensors());
  auto weights = std::make_unique<TeacherWeights>();
  weights->input = file.input;
  weights->metadata = file.metadata;
  pack(tensors_of(file), weights->packed);
  return weights;
}

bool is_teacher_file(const void* data, std::size_t size) noexcept {
  try {
    return require_metadata(parse_safetensors(data, size).metadata, "format") == kTeacherFormat;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace rppg
