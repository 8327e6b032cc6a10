// The teacher network of the paper: it predicts the change of the pulse from motion and appearance.
#pragma once

#include <memory>
#include <utility>

#include "network/network.hpp"
#include "network/weights.hpp"

namespace rppg {

class Teacher : public Network {
 public:
  Teacher(std::shared_ptr<const TeacherWeights> weights, const Kernels& kernels)
      : weights_(std::move(weights)), kernels_(kernels) {}

  // The predicted changes of the pulse for `count` motions and the appearances of their earlier
  // frames. Motions lie one after the other in memory, as do appearances; each is [color][y][x].
  // They are divided among `threads` threads in contiguous parts. Throws std::system_error if a
  // thread cannot be started.
  void predict_batch(const float* motions, const float* appearances, std::ptrdiff_t count,
                     int threads, float* out) const;

  const char* name() const override { return "teacher"; }
  const Kernels& kernels() const override { return kernels_; }
  MotionKind input() const override { return weights_->input; }
  std::unique_ptr<Forward> make_forward() const override;

  const TeacherWeights& weights() const { return *weights_; }

 private:
  std::shared_ptr<const TeacherWeights> weights_;
  const Kernels& kernels_;
};

}  // namespace rppg
