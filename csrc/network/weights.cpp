#include "network/weights.hpp"

#include <stdexcept>

namespace rppg {
namespace {

const std::vector<ExpectedTensor>& expected_tensors() {
  static const std::vector<ExpectedTensor> tensors = {
      {"conv1.weight", {kMaps1, kColours, 3, 3}},
      {"conv1.bias", {kMaps1}},
      {"conv2.weight", {kMaps2, kMaps1, 3, 3}},
      {"conv2.bias", {kMaps2}},
      {"fc.weight", {1, kFeatures}},
      {"fc.bias", {1}},
  };
  return tensors;
}

MotionKind check_metadata(const Metadata& metadata) {
  const std::string& input = require_metadata(metadata, "input");
  if (input == "normalized") return MotionKind::normalized;
  if (input == "difference") return MotionKind::difference;
  throw std::invalid_argument("its input is '" + input +
                              "', neither 'normalized' nor 'difference'");
}

StudentFile check(const Safetensors& file) {
  check_tensors(file, expected_tensors());
  std::vector<std::vector<float>> values;
  for (const auto& expected : expected_tensors()) values.push_back(read_floats(file, expected));
  check_format(file.metadata, "rppg_fast.student");
  return {std::move(values), check_metadata(file.metadata), file.metadata};
}

}  // namespace

StudentTensors StudentFile::tensors() const {
  return {values[0].data(), values[1].data(), values[2].data(),
          values[3].data(), values[4].data(), values[5].data()};
}

StudentFile read_student_file(const void* data, std::size_t size, const std::string& source) {
  try {
    return check(parse_safetensors(data, size));
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(source + ": " + error.what());
  }
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

}  // namespace rppg
