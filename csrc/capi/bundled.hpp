// The weights that the library carries; the build makes the definition from the safetensors file.
#pragma once

#include <cstddef>

namespace rppg {

extern const unsigned char kBundledWeights[];
extern const std::size_t kBundledSize;

}  // namespace rppg
