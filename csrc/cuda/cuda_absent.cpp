// Replaces cuda.cpp in a build without CUDA.
#include <stdexcept>

#include "cuda/cuda.hpp"

namespace rppg::cuda {
namespace {

[[noreturn]] void refuse() {
  throw std::invalid_argument(
      "backend 'cuda' is not part of this build: it takes a CUDA toolkit and RPPG_CUDA=ON");
}

}  // namespace

std::string describe_build() { return "not built"; }
std::string describe_devices() { return ""; }
int device_of(const void*) { refuse(); }
void follow(CudaStream, CudaStream) { refuse(); }
std::shared_ptr<const Network> open_network(const StudentTensors&) { refuse(); }
std::unique_ptr<FrameMotion> open_frame_motion(MotionKind) { refuse(); }

}  // namespace rppg::cuda
