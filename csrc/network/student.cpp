#include "network/student.hpp"

#include "network/threads.hpp"

namespace rppg {
namespace {

class StudentForward : public Forward {
 public:
  explicit StudentForward(const Student& student) : student_(student) {}

  float predict(const float* motion, const float*) override {
    return student_.predict(motion, scratch_);
  }

 private:
  const Student& student_;
  StudentScratch scratch_{};
};

}  // namespace

float Student::predict(const float* motion, StudentScratch& scratch) const {
  if (!accelerator_) return kernels_.predict_student(weights_->packed, motion, scratch);
  float out;
  accelerator_->predict_batch(motion, 1, &out);
  return out;
}

void Student::predict_batch(const float* motions, std::ptrdiff_t count, int threads,
                            float* out) const {
  if (accelerator_) return accelerator_->predict_batch(motions, count, out);
  spread(count, threads, [=](std::ptrdiff_t from, std::ptrdiff_t to) {
    // One scratch for each thread, kept between calls, so that calls with a single frame do not
    // allocate.
    static thread_local const auto scratch = std::make_unique<StudentScratch>();
    for (std::ptrdiff_t i = from; i < to; ++i) out[i] = predict(motions + i * kPixels, *scratch);
  });
}

std::unique_ptr<Forward> Student::make_forward() const {
  return std::make_unique<StudentForward>(*this);
}

}  // namespace rppg
