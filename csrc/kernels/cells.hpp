// Convolutions over the cells of a window, of the temporal network. `V` is the backend's vector
// (see generic.hpp); it gives the width, and makes the type unique to the backend.
#pragma once

#include <cstring>

#include "contract.hpp"

namespace rppg {

// A vector of kCount floats. Written out because gcc rejects a vector_size that depends on a
// template argument.
template <int kCount>
struct FloatsOf;
template <>
struct FloatsOf<4> {
  using Type = float __attribute__((vector_size(16)));
};
template <>
struct FloatsOf<8> {
  using Type = float __attribute__((vector_size(32)));
};

template <class V>
struct CellKernels {
  static constexpr int kOutputs = V::kWidth < 8 ? V::kWidth : 8;  // in a vector
  static constexpr int kVectors = 2;
  using Outputs = typename FloatsOf<kOutputs>::Type;

  // Adds to kCells rows of sums, from output `k` on. A weight that is loaded serves all rows, and
  // an input all vectors.
  template <int kCells, int kCount>
  static void add(const CellConvolution& layer, const float* in, int k, float* sums) {
    Outputs total[kCells][kCount], weights[kCount];
    for (int c = 0; c < kCells; ++c)
      for (int v = 0; v < kCount; ++v)
        std::memcpy(&total[c][v], sums + c * layer.outputs + k + v * kOutputs, sizeof(Outputs));
    for (int tap = 0; tap < layer.taps; ++tap) {
      const float* const row = in + (tap - layer.taps / 2) * layer.apart * layer.width;
      const float* weight = layer.weights + tap * layer.all_inputs * layer.outputs + k;
      for (int i = 0; i < layer.inputs; ++i, weight += layer.outputs) {
        for (int v = 0; v < kCount; ++v)
          std::memcpy(&weights[v], weight + v * kOutputs, sizeof(Outputs));
        for (int c = 0; c < kCells; ++c) {
          const float value = row[c * layer.width + i];
          for (int v = 0; v < kCount; ++v) total[c][v] += value * weights[v];
        }
      }
    }
    for (int c = 0; c < kCells; ++c)
      for (int v = 0; v < kCount; ++v)
        std::memcpy(sums + c * layer.outputs + k + v * kOutputs, &total[c][v], sizeof(Outputs));
  }

  // The same for any number of rows, as many together as the registers hold.
  template <int kCount>
  static void add_all(const CellConvolution& layer, int count, int k, float* sums) {
    constexpr bool kFew = V::kFewRegisters && V::kWidth < 8;
    constexpr int kTogether = kFew ? 4 : V::kWidth < 8 ? 8 : 8 / kCount;
    int c = 0;
    for (; c + kTogether <= count; c += kTogether)
      add<kTogether, kCount>(layer, layer.in + c * layer.width, k, sums + c * layer.outputs);
    for (; c < count; ++c)
      add<1, kCount>(layer, layer.in + c * layer.width, k, sums + c * layer.outputs);
  }

  static void convolve(const CellConvolution& layer, int count, float* sums) {
    int k = 0;
    for (; k + kVectors * kOutputs <= layer.outputs; k += kVectors * kOutputs)
      add_all<kVectors>(layer, count, k, sums);
    for (; k < layer.outputs; k += kOutputs) add_all<1>(layer, count, k, sums);
  }
};

}  // namespace rppg
