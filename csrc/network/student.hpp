// The student network of the paper: motion in, change of the pulse out.
#pragma once

#include <memory>

#include "kernels/contract.hpp"
#include "network/weights.hpp"

namespace rppg {

// Somewhere other than the processor where the network runs, with weights of its own. Any number
// of threads may share one.
class Accelerator {
 public:
  virtual ~Accelerator() = default;
  virtual const char* name() const = 0;

  // As Student::changes; returns when it is done.
  virtual void changes(const float* motions, std::ptrdiff_t count, float* out) const = 0;
};

// Immutable once built: any number of threads may share one. The kernels run the network, unless
// there is an accelerator, and what comes before it.
class Student {
 public:
  Student(std::shared_ptr<const StudentWeights> weights, const Kernels& kernels,
          std::shared_ptr<const Accelerator> accelerator = nullptr)
      : weights_(std::move(weights)), kernels_(kernels), accelerator_(std::move(accelerator)) {}

  // The predicted change of the pulse over the step that `motion`, [colour][y][x], shows.
  float change(const float* motion, StudentScratch& scratch) const;

  // The same for each of `count` motions, one after the other in memory; neighbouring ones go to
  // one thread. Throws std::system_error where a thread cannot be had. An accelerator takes them
  // all in the caller's thread.
  void changes(const float* motions, std::ptrdiff_t count, int threads, float* out) const;

  const StudentWeights& weights() const { return *weights_; }
  const Kernels& kernels() const { return kernels_; }
  const Accelerator* accelerator() const { return accelerator_.get(); }
  const char* backend() const { return accelerator_ ? accelerator_->name() : kernels_.name; }

 private:
  std::shared_ptr<const StudentWeights> weights_;
  const Kernels& kernels_;
  std::shared_ptr<const Accelerator> accelerator_;
};

// Zeroes the borders that the forward pass reads and never writes: once for each scratch.
void clear_borders(StudentScratch& scratch);

}  // namespace rppg
