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

struct Safetensors {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

// Parses a file held in memory; the tensors point into it. Strict: unknown fields, repeated names,
// tensors that overlap, leave gaps or disagree with their shape are refused.
// Throws std::invalid_argument saying what is wrong.
Safetensors parse_safetensors(const void* data, std::size_t size);

}  // namespace rppg
