// Four floats at once in plain C++: gcc and clang know such vectors on every processor, if need be
// as four floats one by one. Functions are static: each file has its own, for its processors.
#pragma once

#include <cstring>

namespace rppg {

using Floats = float __attribute__((vector_size(16)));
constexpr int kFloats = 4;

static inline Floats load(const float* from) {
  Floats out;
  std::memcpy(&out, from, sizeof out);
  return out;
}

static inline void store(Floats values, float* to) { std::memcpy(to, &values, sizeof values); }

static inline float total(Floats values) {
  return (values[0] + values[1]) + (values[2] + values[3]);
}

}  // namespace rppg
