// The student network of the paper: motion in, change of the pulse out.
#pragma once

#include <memory>

#include "kernels/kernels.hpp"
#include "weights.hpp"

namespace rppg {

// Immutable once built: any number of threads may share one.
class Student {
 public:
  Student(std::shared_ptr<const StudentWeights> weights, const Kernels& kernels)
      : weights_(std::move(weights)), kernels_(kernels) {}

  // The predicted change of the pulse over the step that `motion`, [colour][y][x], shows.
  float change(const float* motion, StudentScratch& scratch) const;

  // The same for each of `count` motions, one after the other in memory; neighbouring ones go to
  // one thread. Throws std::system_error where a thread cannot be had.
  void changes(const float* motions, std::ptrdiff_t count, int threads, float* out) const;

  const StudentWeights& weights() const { return *weights_; }
  const Kernels& kernels() const { return kernels_; }

 private:
  std::shared_ptr<const StudentWeights> weights_;
  const Kernels& kernels_;
};

// Zeroes the borders that the forward pass reads and never writes: once for each scratch.
void clear_borders(StudentScratch& scratch);

}  // namespace rppg
