// The programs of frame.hpp and student.hpp as CUDA kernels.
#include "launch.hpp"

namespace rppg {
namespace cuda {
namespace {

template <class Registers>
struct Block {
  Registers registers;

  template <class Phase>
  __device__ __forceinline__ void each(const Phase& phase) {
    // Reads the thread's index again in each phase, so that values computed from it do not occupy
    // registers in all other phases.
    int thread;
    asm volatile("mov.u32 %0, %%tid.x;" : "=r"(thread));
    phase(thread, registers);
    __syncthreads();
  }

  // Returns how many blocks have arrived before. The last block sees what all others wrote.
  __device__ unsigned arrive(unsigned* arrived) {
    __threadfence();
    const unsigned before = atomicAdd(arrived, 1u);
    __threadfence();
    return before;
  }
};

// At least two blocks run on one multiprocessor.
__global__ void __launch_bounds__(Whole::kThreads, 2)
    whole_kernel(const DeviceWeights* __restrict__ weights, const float* __restrict__ motions,
                 float* __restrict__ out) {
  __shared__ Whole::Shared shared;
  Block<Whole::Registers> block;
  const size_t image = blockIdx.x;
  Whole::run(block, shared, *weights, motions + image * kPixels, out + image);
}

__global__ void __launch_bounds__(Split::kThreads, 2)
    split_kernel(const DeviceWeights* __restrict__ weights, const float* __restrict__ motions,
                 float* parts, unsigned* arrived, float* __restrict__ out) {
  __shared__ Split::Shared shared;
  Block<Split::Registers> block;
  const size_t image = blockIdx.y;
  Split::run(block, shared, *weights, static_cast<int>(blockIdx.x), motions + image * kPixels,
             parts + image * Split::kParts, arrived + image, out + image);
}

__global__ void __launch_bounds__(Frame::kThreads)
    frame_kernel(const Crop crop, const float* __restrict__ previous, bool normalized,
                 float* __restrict__ appearance, float* __restrict__ motion) {
  __shared__ Frame::Shared shared;
  Block<Frame::Registers> block;
  Frame::run(block, shared, static_cast<int>(blockIdx.x), crop, previous, normalized, appearance,
             motion);
}

}  // namespace

cudaError_t launch_whole(const DeviceWeights* weights, const float* motions, size_t count,
                         float* out, cudaStream_t stream) {
  whole_kernel<<<static_cast<unsigned>(count), Whole::kThreads, 0, stream>>>(weights, motions, out);
  return cudaGetLastError();
}

cudaError_t launch_split(const DeviceWeights* weights, const float* motions, size_t count,
                         float* parts, unsigned* arrived, float* out, cudaStream_t stream) {
  const dim3 blocks(Split::kParts, static_cast<unsigned>(count));
  split_kernel<<<blocks, Split::kThreads, 0, stream>>>(weights, motions, parts, arrived, out);
  return cudaGetLastError();
}

cudaError_t launch_frame(const Crop& crop, const float* previous, bool normalized,
                         float* appearance, float* motion, cudaStream_t stream) {
  frame_kernel<<<Frame::kBlocks, Frame::kThreads, 0, stream>>>(crop, previous, normalized,
                                                               appearance, motion);
  return cudaGetLastError();
}

}  // namespace cuda
}  // namespace rppg
