// The only file that names every backend; which ones there are is the build's to say.
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels.hpp"

namespace rppg {
namespace {

struct Backend {
  const Kernels* kernels;
  bool (*runs_here)();
};

// The fastest first.
constexpr Backend kBackends[] = {
#if defined(RPPG_AVX512)
    {&kAvx512Kernels,
     [] {
       return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
     }},
#endif
#if defined(RPPG_AVX2)
    {&kAvx2Kernels, [] { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }},
#endif
#if defined(RPPG_NEON)
    {&kNeonKernels, [] { return true; }},  // part of every 64-bit Arm processor
#endif
    {&kPortableKernels, [] { return true; }},
};

const Kernels& find(const char* name, const char* asked_by) {
  std::string names = "auto";
  for (const Backend& backend : kBackends) {
    if (!backend.runs_here()) continue;
    if (std::strcmp(name, backend.kernels->name) == 0 || std::strcmp(name, "auto") == 0)
      return *backend.kernels;
    names += std::string(", ") + backend.kernels->name;
  }
  throw std::invalid_argument("backend '" + std::string(name) + "'" + asked_by +
                              " is not available here; there are: " + names);
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
