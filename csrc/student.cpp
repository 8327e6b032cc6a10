#include "student.hpp"

#include <cstring>

namespace rppg {

void clear_borders(StudentScratch& scratch) { std::memset(&scratch, 0, sizeof scratch); }

float Student::change(const float* motion, StudentScratch& scratch) const {
  for (int colour = 0; colour < kColours; ++colour)
    for (int y = 0; y < kSide; ++y)
      std::memcpy(scratch.motion + (colour * kPadded + y + 1) * kPadded + 1,
                  motion + (colour * kSide + y) * kSide, kSide * sizeof(float));
  kernels_.first_layer(weights_->packed, scratch);
  return kernels_.second_layer(weights_->packed, scratch);
}

}  // namespace rppg
