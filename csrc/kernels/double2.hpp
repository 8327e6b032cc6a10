// Two doubles at once in plain C++, as four floats in float4.hpp.
#pragma once

#include <cstring>

namespace rppg {

using Pair = double __attribute__((vector_size(16)));

static inline Pair load(const double* from) {
  Pair out;
  std::memcpy(&out, from, sizeof out);
  return out;
}

static inline void store(Pair values, double* to) { std::memcpy(to, &values, sizeof values); }

static inline Pair both(double value) { return Pair{value, value}; }

// Value by value; of the first one that is no number, the second.
static inline Pair greater(Pair a, Pair b) { return a > b ? a : b; }

static inline double greatest(Pair values) { return values[0] > values[1] ? values[0] : values[1]; }

}  // namespace rppg
