// Starts the kernels on a stream; C++14. All pointers point to device memory.
#pragma once

#include <cuda_runtime_api.h>

#include "frame.hpp"
#include "student.hpp"

namespace rppg {
namespace cuda {

// motions, [count][color][y][x], to `count` outputs, with one block for each motion.
cudaError_t launch_whole(const DeviceWeights* weights, const float* motions, size_t count,
                         float* out, cudaStream_t stream);

// The same, with Split::kParts blocks for each motion. `parts` has room for kParts values for each
// motion, and `arrived` for one, which is zero before and after the launch. Two launches that run
// at the same time must not share these buffers.
cudaError_t launch_split(const DeviceWeights* weights, const float* motions, size_t count,
                         float* parts, unsigned* arrived, float* out, cudaStream_t stream);

// Without a `previous` appearance the motion is zero.
cudaError_t launch_frame(const Crop& crop, const float* previous, bool normalized,
                         float* appearance, float* motion, cudaStream_t stream);

}  // namespace cuda
}  // namespace rppg
