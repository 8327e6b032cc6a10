// The only file that names every backend.
#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels.hpp"

namespace rppg {

const Kernels& select_kernels(const char* name) {
  if (std::strcmp(name, "auto") == 0 || std::strcmp(name, kPortableKernels.name) == 0)
    return kPortableKernels;
  throw std::invalid_argument("backend '" + std::string(name) +
                              "' is not available here; there are: auto, portable");
}

const char* const* available_backends() {
  static const char* const kNames[] = {kPortableKernels.name, nullptr};
  return kNames;
}

}  // namespace rppg
