// Conversion of the student's tensors from PyTorch's order to the order that the kernels read.
#pragma once

#include "kernels/contract.hpp"
#include "kernels/cuda/student.hpp"

namespace rppg {

struct StudentTensors {
  const float* conv1;                 // [map1][colour][ky][kx]
  const float* conv1_bias;            // [map1]
  const float* conv2;                 // [map2][map1][ky][kx]
  const float* conv2_bias;            // [map2]
  const float* fully_connected;       // [map2][y][x]
  const float* fully_connected_bias;  // one value
};

void pack(const StudentTensors& tensors, PackedWeights& packed);
void pack(const StudentTensors& tensors, cuda::DeviceWeights& packed);

}  // namespace rppg
