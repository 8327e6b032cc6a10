#include "network/teacher.hpp"

#include "network/threads.hpp"

namespace rppg {
namespace {

class TeacherForward : public Forward {
 public:
  TeacherForward(const TeacherWeights& weights, const Kernels& kernels)
      : weights_(weights), kernels_(kernels), scratch_(std::make_unique<TeacherScratch>()) {}

  float predict(const float* motion, const float* appearance) override {
    return kernels_.predict_teacher(weights_.packed, motion, appearance, *scratch_);
  }

 private:
  const TeacherWeights& weights_;
  const Kernels& kernels_;
  std::unique_ptr<TeacherScratch> scratch_;
};

}  // namespace

std::unique_ptr<Forward> Teacher::make_forward() const {
  return std::make_unique<TeacherForward>(*weights_, kernels_);
}

void Teacher::predict_batch(const float* motions, const float* appearances, std::ptrdiff_t count,
                            int threads, float* out) const {
  spread(count, threads, [=](std::ptrdiff_t from, std::ptrdiff_t to) {
    // One scratch for each thread, kept between calls, so that calls with a single step do not
    // allocate.
    static thread_local const auto scratch = std::make_unique<TeacherScratch>();
    for (std::ptrdiff_t i = from; i < to; ++i)
      out[i] = kernels_.predict_teacher(weights_->packed, motions + i * kPixels,
                                        appearances + i * kPixels, *scratch);
  });
}

}  // namespace rppg
