// Checks of arguments that several stages share.
#pragma once

#include <cmath>
#include <stdexcept>
#include <string>

namespace rppg {

// Throws std::invalid_argument that names the value unless it is finite and positive.
inline void require_positive(double value, const char* what) {
  if (!(std::isfinite(value) && value > 0))
    throw std::invalid_argument(std::string(what) + " must be positive, is " +
                                std::to_string(value));
}

}  // namespace rppg
