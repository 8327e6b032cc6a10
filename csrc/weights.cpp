#include "weights.hpp"

#include <cmath>
#include <cstring>
#include <stdexcept>

#include "safetensors.hpp"

namespace rppg {
namespace {

struct Expected {
  const char* name;
  std::vector<std::uint64_t> shape;
};

const std::vector<Expected>& expected_tensors() {
  static const std::vector<Expected> tensors = {
      {"conv1.weight", {kMaps1, kColours, 3, 3}},
      {"conv1.bias", {kMaps1}},
      {"conv2.weight", {kMaps2, kMaps1, 3, 3}},
      {"conv2.bias", {kMaps2}},
      {"fc.weight", {1, kFeatures}},
      {"fc.bias", {1}},
  };
  return tensors;
}

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + ")";
}

std::vector<float> read_tensor(const Safetensors& file, const Expected& expected) {
  const std::string name = std::string("tensor '") + expected.name + "'";
  const auto found = file.tensors.find(expected.name);
  if (found == file.tensors.end()) throw std::invalid_argument(name + " is missing");
  const Tensor& tensor = found->second;
  if (tensor.dtype != "F32") throw std::invalid_argument(name + " must be F32, is " + tensor.dtype);
  if (tensor.shape != expected.shape)
    throw std::invalid_argument(name + " must have shape " + shape_text(expected.shape) + ", has " +
                                shape_text(tensor.shape));
  std::size_t count = 1;
  for (const auto extent : expected.shape) count *= extent;
  if (tensor.bytes != count * sizeof(float))
    throw std::invalid_argument(name + " must span " + std::to_string(count * sizeof(float)) +
                                " bytes, spans " + std::to_string(tensor.bytes));
  std::vector<float> values(count);
  std::memcpy(values.data(), tensor.data, tensor.bytes);
  for (const float value : values)
    if (!std::isfinite(value))
      throw std::invalid_argument(name + " has a value that is not finite");
  return values;
}

const std::string& required(const Metadata& metadata, const char* key) {
  const auto found = metadata.find(key);
  if (found == metadata.end())
    throw std::invalid_argument(std::string("its metadata lacks '") + key + "'");
  return found->second;
}

MotionKind check_metadata(const Metadata& metadata) {
  if (required(metadata, "format") != "rppg_fast.student")
    throw std::invalid_argument("its format is '" + required(metadata, "format") +
                                "', not 'rppg_fast.student'");
  if (required(metadata, "version") != "1")
    throw std::invalid_argument("its format version is '" + required(metadata, "version") +
                                "'; this release reads version 1");
  const std::string& input = required(metadata, "input");
  if (input == "normalized") return MotionKind::normalized;
  if (input == "difference") return MotionKind::difference;
  throw std::invalid_argument("its input is '" + input +
                              "', neither 'normalized' nor 'difference'");
}

StudentFile check(const Safetensors& file) {
  if (file.tensors.size() > expected_tensors().size())
    for (const auto& [name, tensor] : file.tensors) {
      bool known = false;
      for (const auto& expected : expected_tensors()) known = known || name == expected.name;
      if (!known) throw std::invalid_argument("unexpected tensor '" + name + "'");
    }
  std::vector<std::vector<float>> values;
  for (const auto& expected : expected_tensors()) values.push_back(read_tensor(file, expected));
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
