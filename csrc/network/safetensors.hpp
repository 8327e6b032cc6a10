// A reader of the safetensors container: 8 bytes of header length, a JSON header, then raw tensors.
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

// The metadata of a file; all keys and values are strings.
using Metadata = std::map<std::string, std::string>;

struct Safetensors {
  std::map<std::string, Tensor> tensors;
  Metadata metadata;
};

// Parses a file held in memory; the tensors point into that memory. The parser is strict: it
// refuses unknown fields, repeated names, and tensors that overlap, leave gaps or disagree with
// their shape.
// Throws std::invalid_argument that says what is wrong.
Safetensors parse_safetensors(const void* data, std::size_t size);

// The functions below throw std::invalid_argument that names the tensor or the key.

struct ExpectedTensor {
  std::string name;
  std::vector<std::uint64_t> shape;
};

// The values of a tensor, which must be float32, finite and of the expected shape.
std::vector<float> read_floats(const Safetensors& file, const ExpectedTensor& expected);

// The file must not contain other tensors than these.
void check_tensors(const Safetensors& file, const std::vector<ExpectedTensor>& expected);

const std::string& require_metadata(const Metadata& metadata, const char* key);

// The metadata entry "format" must equal `format`, and "version" must be the version that this
// release reads.
void check_format(const Metadata& metadata, const std::string& format);

}  // namespace rppg
