#include "network/student.hpp"

#include "network/threads.hpp"

namespace rppg {
namespace {

class StudentForward : public Forward {
 public:
  explicit StudentForward(const Student& student) : student_(student) {}

  float change(const float* motion, const float*) override {
    return student_.change(motion, scratch_);
  }

 private:
  const Student& student_;
  StudentScratch scratch_{};
};

}  // namespace

float Student::change(const float* motion, StudentScratch& scratch) const {
  if (!accelerator_) return kernels_.change(weights_->packed, motion, scratch);
  float out;
  accelerator_->changes(motion, 1, &out);
  return out;
}

void Student::changes(const float* motions, std::ptrdiff_t count, int threads, float* out) const {
  if (accelerator_) return accelerator_->changes(motions, count, out);
  spread(count, threads, [=](std::ptrdiff_t from, std::ptrdiff_t to) {
    // One scratch for each thread, kept between calls, so that calls with a single frame do not
    // allocate.
    static thread_local const auto scratch = std::make_unique<StudentScratch>();
    for (std::ptrdiff_t i = from; i < to; ++i) out[i] = change(motions + i * kPixels, *scratch);
  });
}

std::unique_ptr<Forward> Student::make_forward() const {
  return std::make_unique<StudentForward>(*this);
}

}  // namespace rppg
