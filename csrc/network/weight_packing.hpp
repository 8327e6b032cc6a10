// Conversion of the networks' tensors from PyTorch's order to the order that the kernels read.
#pragma once

#include "kernels/contract.hpp"
#include "kernels/cuda/student.hpp"

namespace rppg {

struct StudentTensors {
  const float* conv1;                 // [map1][color][ky][kx]
  const float* conv1_bias;            // [map1]
  const float* conv2;                 // [map2][map1][ky][kx]
  const float* conv2_bias;            // [map2]
  const float* fully_connected;       // [map2][y][x]
  const float* fully_connected_bias;  // one value
};

void pack(const StudentTensors& tensors, PackedWeights& packed);
void pack(const StudentTensors& tensors, cuda::DeviceWeights& packed);

struct LayerTensors {
  const float *weight, *bias;
};

struct BranchTensors {
  LayerTensors layers[4];  // [to][from][ky][kx] and [to]
};

struct TeacherTensors {
  BranchTensors motion, appearance;
  LayerTensors attention1, attention2;  // [map] and one value
  LayerTensors hidden;                  // [unit][map2][y][x] and [unit]
  LayerTensors output;                  // [unit] and one value
};

void pack(const TeacherTensors& tensors, PackedTeacher& packed);

}  // namespace rppg
