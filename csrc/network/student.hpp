// The student network of the paper: its input is a motion, its output a change of the pulse.
#pragma once

#include <memory>
#include <utility>

#include "network/network.hpp"
#include "network/weights.hpp"

namespace rppg {

// A device other than the CPU that runs the network with its own copy of the weights. Any number of
// threads may share one object.
class Accelerator {
 public:
  virtual ~Accelerator() = default;
  virtual const char* name() const = 0;

  // The same as Student::predict_batch; returns when the results are written.
  virtual void predict_batch(const float* motions, std::ptrdiff_t count, float* out) const = 0;
};

// An accelerator, if there is one, runs the network; otherwise the kernels do. The kernels compute
// the network's input in both cases.
class Student : public Network {
 public:
  Student(std::shared_ptr<const StudentWeights> weights, const Kernels& kernels,
          std::shared_ptr<const Accelerator> accelerator = nullptr)
      : weights_(std::move(weights)), kernels_(kernels), accelerator_(std::move(accelerator)) {}

  // The predicted change of the pulse between the two frames of `motion`, [color][y][x].
  float predict(const float* motion, StudentScratch& scratch) const;

  // The same for `count` motions that lie one after the other in memory, divided among `threads`
  // threads in contiguous parts. Throws std::system_error if a thread cannot be started. With an
  // accelerator, everything runs in the caller's thread.
  void predict_batch(const float* motions, std::ptrdiff_t count, int threads, float* out) const;

  const char* name() const override { return "student"; }
  const Kernels& kernels() const override { return kernels_; }
  MotionKind input() const override { return weights_->input; }
  std::unique_ptr<Forward> make_forward() const override;

  const StudentWeights& weights() const { return *weights_; }
  const Accelerator* accelerator() const { return accelerator_.get(); }
  const char* backend() const { return accelerator_ ? accelerator_->name() : kernels_.name; }

 private:
  std::shared_ptr<const StudentWeights> weights_;
  const Kernels& kernels_;
  std::shared_ptr<const Accelerator> accelerator_;
};

}  // namespace rppg
