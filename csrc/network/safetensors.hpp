// The safetensors container: 8 bytes of header length, a JSON header, then raw tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace rppg {

struct Tensor {
  std::string dtype;
  std::vector<std::uint64_t> shape;
  const unsigned char* data;
  std::size_t bytes;
};

// What a file says of itself, strings throughout.
using Metadata = std::map<std::string, std::string>;

struct Safetensors {
  std::map<std::string, Tensor> tensors;
  Metadata metadata;
};

// Parses a file held in memory; the tensors point into it. Strict: unknown fields, repeated names,
// tensors that overlap, leave gaps or disagree with their shape are refused.
// Throws std::invalid_argument saying what is wrong.
Safetensors parse_safetensors(const void* data, std::size_t size);

// What follows throws std::invalid_argument, too, naming the tensor or the key.

struct ExpectedTensor {
  std::string name;
  std::vector<std::uint64_t> shape;
};

// The values of a tensor, which must be float32, of that shape and finite.
std::vector<float> read_floats(const Safetensors& file, const ExpectedTensor& expected);

// There must be no other tensors than these.
void check_tensors(const Safetensors& file, const std::vector<ExpectedTensor>& expected);

const std::string& require_metadata(const Metadata& metadata, const char* key);

// The metadata "format" must be this one, "version" the one that this release reads.
void check_format(const Metadata& metadata, const std::string& format);

}  // namespace rppg
