// The teacher network of the paper: motion and appearance in, change of the pulse out.
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

  // The predicted change of the pulse over each of `count` steps. Motions lie one after the other
  // in memory, [colour][y][x] each, as do the appearances of the frames before the steps.
  // Neighbouring steps go to one thread. Throws std::system_error where a thread cannot be had.
  void changes(const float* motions, const float* appearances, std::ptrdiff_t count, int threads,
               float* out) const;

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
