// The interface of the networks, which predict the change of the pulse between two frames.
#pragma once

#include <memory>

#include "frame/resize.hpp"
#include "kernels/contract.hpp"

namespace rppg {

// A network with working memory. It belongs to one thread at a time.
class Forward {
 public:
  virtual ~Forward() = default;

  // The predicted change of the pulse between the two frames of `motion`, in standard deviations of
  // the training label. `appearance` is the appearance of the earlier frame. Both are
  // [color][y][x]. Allocates nothing.
  virtual float predict(const float* motion, const float* appearance) = 0;
};

// Immutable after construction, so that any number of threads may share one object.
class Network {
 public:
  virtual ~Network() = default;
  // "student" or "teacher".
  virtual const char* name() const = 0;
  virtual const Kernels& kernels() const = 0;
  // The kind of motion that the network was trained on.
  virtual MotionKind input() const = 0;
  // The network must outlive the returned object.
  virtual std::unique_ptr<Forward> make_forward() const = 0;
};

}  // namespace rppg
