// A vector of two doubles in plain C++, like that of four floats in float4.hpp.
#pragma once

#include <cstring>

namespace rppg {

using Double2 = double __attribute__((vector_size(16)));

static inline Double2 load(const double* from) {
  Double2 out;
  std::memcpy(&out, from, sizeof out);
  return out;
}

static inline void store(Double2 values, double* to) { std::memcpy(to, &values, sizeof values); }

static inline Double2 both(double value) { return Double2{value, value}; }

// The larger of each pair of values; where a is NaN, b.
static inline Double2 greater(Double2 a, Double2 b) { return a > b ? a : b; }

static inline double greatest(Double2 values) {
  return values[0] > values[1] ? values[0] : values[1];
}

}  // namespace rppg
