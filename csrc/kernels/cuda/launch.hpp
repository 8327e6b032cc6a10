// Starts the kernels on a stream; C++14. All pointers are of the device's memory.
#pragma once

#include <cuda_runtime_api.h>

#include "frame.hpp"
#include "student.hpp"

namespace rppg {
namespace cuda {

// [count][colour][y][x] -> [count], a block for each.
cudaError_t launch_whole(const DeviceWeights* weights, const float* motions, size_t count,
                         float* out, cudaStream_t stream);

// The same by Split::kParts blocks for each. `parts` has room for as many values for each, and
// `arrived` for one, zero before and after; no two launches at a time may share them.
cudaError_t launch_split(const DeviceWeights* weights, const float* motions, size_t count,
                         float* parts, unsigned* arrived, float* out, cudaStream_t stream);

// Without a `previous` appearance the motion is zero.
cudaError_t launch_frame(const Crop& crop, const float* previous, bool normalized,
                         float* appearance, float* motion, cudaStream_t stream);

}  // namespace cuda
}  // namespace rppg
