// What the device code of the kernels is written with, C++14. nvcc compiles it as device functions;
// any other compiler takes it as plain C++, so that tests run the same lines on the CPU.
#pragma once

#include <math.h>

#if defined(__CUDACC__)
#define RPPG_DEVICE __device__ __forceinline__
#define RPPG_UNROLL _Pragma("unroll")
#define RPPG_KEEP_LOOP _Pragma("unroll 1")
#else
#define RPPG_DEVICE inline
#define RPPG_UNROLL
#define RPPG_KEEP_LOOP
#endif

namespace rppg {
namespace cuda {

constexpr int kWarp = 32;

// Neighbouring floats that are read at once, from an address that is a multiple of their size.
template <int kCount>
struct alignas(kCount * sizeof(float)) Floats {
  float v[kCount];
};

template <int kCount>
RPPG_DEVICE Floats<kCount> load(const float* from) {
  return *reinterpret_cast<const Floats<kCount>*>(from);
}

// Reads a float from memory that no kernel writes, through the cache for read-only data.
RPPG_DEVICE float load_constant(const float* from) {
#if defined(__CUDA_ARCH__)
  return __ldg(from);
#else
  return *from;
#endif
}

template <int kCount>
struct Constants;

template <>
struct Constants<1> {
  static RPPG_DEVICE Floats<1> load(const float* from) { return {{load_constant(from)}}; }
};

template <>
struct Constants<2> {
  static RPPG_DEVICE Floats<2> load(const float* from) {
#if defined(__CUDA_ARCH__)
    const float2 both = __ldg(reinterpret_cast<const float2*>(from));
    return {{ both.x, both.y }};
#else
    return cuda::load<2>(from);
#endif
  }
};

// a / b to 2 units in the last place, for b below 2^126.
RPPG_DEVICE float divide(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fdividef(a, b);
#else
  return a / b;
#endif
}

}  // namespace cuda
}  // namespace rppg
