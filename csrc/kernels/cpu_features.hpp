// What an x86-64 processor can run. __builtin_cpu_supports would say it, too, but needs a part of
// the compiler's library that clang for Windows and zig do not have: with zig it says no to
// everything.
#pragma once

namespace rppg {

// A feature counts only where the operating system saves its registers. (The tile registers must
// also be asked for; see amx_support.hpp.)
struct CpuFeatures {
  bool fma, avx2;
  bool avx512f, avx512bw, avx512vl, avx512_bf16;
  bool amx_tile, amx_bf16;
};

const CpuFeatures& cpu_features();

}  // namespace rppg
