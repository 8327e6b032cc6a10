// The only file that names every backend. The build defines which ones exist.
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <stdexcept>
#include <string>

#include "contract.hpp"
#if defined(RPPG_AMX)
#include "amx_support.hpp"
#endif
#if defined(RPPG_AVX2) || defined(RPPG_AVX512)
#include "cpu_features.hpp"
#endif

namespace rppg {
namespace {

struct Need {
  const char* name;
  bool met;
};

// The names of the needs that are not met; empty if nothing is missing.
std::string missing_of(std::initializer_list<Need> needs) {
  std::string names;
  for (const Need& need : needs)
    if (!need.met) names += (names.empty() ? "" : ", ") + std::string(need.name);
  return names;
}

struct Backend {
  const Kernels* kernels;
  std::string (*missing)();  // what this processor lacks to run it

  bool runs_here() const { return missing().empty(); }
};

#define RPPG_CPU(feature) {#feature, cpu_features().feature}

// The fastest first. Backends below `portable`, which runs everywhere, are never chosen by "auto".
constexpr Backend kBackends[] = {
#if defined(RPPG_AVX512)
    {&kAvx512Kernels,
     [] {
       return missing_of(
           {RPPG_CPU(avx512f), RPPG_CPU(avx512bw), RPPG_CPU(avx512vl), RPPG_CPU(fma)});
     }},
#endif
#if defined(RPPG_AVX2)
    {&kAvx2Kernels, [] { return missing_of({RPPG_CPU(avx2), RPPG_CPU(fma)}); }},
#endif
#if defined(RPPG_NEON)
    {&kNeonKernels, [] { return missing_of({}); }},  // every 64-bit Arm processor has NEON
#endif
#if defined(RPPG_WASM)
    {&kWasmKernels, [] { return missing_of({}); }},  // the module loads only where this runs
#else
    {&kPortableKernels, [] { return missing_of({}); }},
#endif
#if defined(RPPG_AMX)
    {&kAmxKernels,
     [] {
       const AmxSupport amx = amx_support();
       return missing_of({RPPG_CPU(avx512f),
                          RPPG_CPU(avx512bw),
                          RPPG_CPU(avx512vl),
                          RPPG_CPU(fma),
                          {"avx512_bf16", amx.avx512_bf16},
                          {"amx-tile", amx.tile},
                          {"amx-bf16", amx.bf16},
                          {"the kernel's permission to use tiles", amx.permitted}});
     }},
#endif
};

const Kernels& find(const char* name, const char* asked_by) {
  std::string names = "auto", missing;
  for (const Backend& backend : kBackends) {
    const bool wanted = std::strcmp(name, backend.kernels->name) == 0;
    if (!backend.runs_here()) {
      if (wanted) missing = " (missing: " + backend.missing() + ")";
      continue;
    }
    if (wanted || std::strcmp(name, "auto") == 0) return *backend.kernels;
    names += std::string(", ") + backend.kernels->name;
  }
  throw std::invalid_argument("backend '" + std::string(name) + "'" + asked_by +
                              " is not available here" + missing + "; there are: " + names);
}

}  // namespace

const Kernels& select_kernels(const char* name) {
  if (std::strcmp(name, "auto") != 0) return find(name, "");
  static const Kernels& chosen = [&]() -> const Kernels& {
    const char* const wish = std::getenv("RPPG_BACKEND");
    return wish && *wish ? find(wish, ", the value of RPPG_BACKEND,") : find(name, "");
  }();
  return chosen;
}

const char* const* available_backends() {
  static const struct Names {
    const char* list[sizeof kBackends / sizeof *kBackends + 1] = {};
    Names() {
      int count = 0;
      for (const Backend& backend : kBackends)
        if (backend.runs_here()) list[count++] = backend.kernels->name;
    }
  } names;
  return names.list;
}

}  // namespace rppg
