#include "cpu_features.hpp"

#include <cpuid.h>

namespace rppg {
namespace {

bool has(unsigned bits, int bit) { return (bits >> bit & 1) != 0; }

// Which registers the operating system saves: the extended control register 0.
unsigned saved_registers() {
  unsigned low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

CpuFeatures find() {
  CpuFeatures found{};
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !has(c, 27)) return found;  // without xgetbv
  const unsigned saved = saved_registers();
  constexpr unsigned kAvx = 0x06, kAvx512 = 0xE6;  // SSE and AVX; those, masks and 32 of 512 bits
  const bool avx = (saved & kAvx) == kAvx, avx512 = (saved & kAvx512) == kAvx512;
  found.fma = avx && has(c, 12);
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return found;
  found.avx2 = avx && has(b, 5);
  found.avx512f = avx512 && has(b, 16);
  found.avx512bw = avx512 && has(b, 30);
  found.avx512vl = avx512 && has(b, 31);
  found.amx_bf16 = has(d, 22);
  found.amx_tile = has(d, 24);
  if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) found.avx512_bf16 = avx512 && has(a, 5);
  return found;
}

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = find();
  return features;
}

}  // namespace rppg
