// The backend for x86-64 with AVX-512.
#include "avx512.hpp"

namespace rppg {

const Kernels kAvx512Kernels = Generic<V>::kernels("avx512");

}  // namespace rppg
