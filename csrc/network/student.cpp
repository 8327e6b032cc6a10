#include "network/student.hpp"

#include <algorithm>
#include <cstring>
#include <future>
#include <vector>

namespace rppg {

void clear_borders(StudentScratch& scratch) { std::memset(&scratch, 0, sizeof scratch); }

float Student::change(const float* motion, StudentScratch& scratch) const {
  if (!accelerator_) return kernels_.change(weights_->packed, motion, scratch);
  float out;
  accelerator_->changes(motion, 1, &out);
  return out;
}

void Student::changes(const float* motions, std::ptrdiff_t count, int threads, float* out) const {
  if (accelerator_) return accelerator_->changes(motions, count, out);
  const auto run = [=](std::ptrdiff_t from, std::ptrdiff_t to) {
    // One scratch for each thread, kept between calls, so that calls with a single frame do not
    // allocate.
    static thread_local std::unique_ptr<StudentScratch> scratch;
    if (!scratch) {
      scratch = std::make_unique<StudentScratch>();
      clear_borders(*scratch);
    }
    for (std::ptrdiff_t i = from; i < to; ++i) out[i] = change(motions + i * kPixels, *scratch);
  };
  const std::ptrdiff_t workers =
      std::max<std::ptrdiff_t>(1, std::min<std::ptrdiff_t>(threads, count));
  std::vector<std::future<void>> others;
  for (std::ptrdiff_t k = 1; k < workers; ++k)
    others.push_back(
        std::async(std::launch::async, run, count * k / workers, count * (k + 1) / workers));
  run(0, count / workers);
  for (auto& other : others) other.get();
}

}  // namespace rppg
