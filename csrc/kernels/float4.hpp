// A vector of four floats in plain C++. gcc and clang support such vectors on every processor, with
// scalar instructions where there are no others. The functions are static, so that each file has
// its own copy, compiled for its own processor.
#pragma once

#include <cstring>

namespace rppg {

using Float4 = float __attribute__((vector_size(16)));
constexpr int kFloat4 = 4;

static inline Float4 load(const float* from) {
  Float4 out;
  std::memcpy(&out, from, sizeof out);
  return out;
}

static inline void store(Float4 values, float* to) { std::memcpy(to, &values, sizeof values); }

static inline float total(Float4 values) {
  return (values[0] + values[1]) + (values[2] + values[3]);
}

}  // namespace rppg
