// What predicts the change of the pulse over a frame step.
#pragma once

#include <memory>

#include "frame/resize.hpp"
#include "kernels/contract.hpp"

namespace rppg {

// A network with the memory that it works in; not for two threads at once.
class Forward {
 public:
  virtual ~Forward() = default;

  // The predicted change over the step that `motion` shows, in standard deviations of the training
  // label. `appearance` is that of the frame before; both are [colour][y][x]. Allocates nothing.
  virtual float change(const float* motion, const float* appearance) = 0;
};

// Immutable once built: any number of threads may share one.
class Network {
 public:
  virtual ~Network() = default;
  // "student" or "teacher".
  virtual const char* name() const = 0;
  virtual const Kernels& kernels() const = 0;
  // The motion that it was trained on.
  virtual MotionKind input() const = 0;
  // The network has to outlive it.
  virtual std::unique_ptr<Forward> make_forward() const = 0;
};

}  // namespace rppg
