// The contract of the compute kernels: operations, layouts, alignment and tolerances.
//
// A backend is one constant `Kernels` table. Every buffer is 64-byte aligned unless said otherwise,
// and no kernel allocates, locks or keeps state: the same input gives the same bits in any thread.
//
// Tolerances of every float32 backend against float64 arithmetic, on inputs of the sizes below:
//   add_row, motion     1e-6 relative to the largest magnitude
//   the student network 1e-5 of the standard deviation of its output on real motion
#pragma once

#include <cstddef>
#include <cstdint>

namespace rppg {

// The network of the paper: 36x36x3 -> 18x18x32 -> 9x9x64 -> 1.
inline constexpr int kSide = 36;
inline constexpr int kColours = 3;
inline constexpr int kPixels = kColours * kSide * kSide;
inline constexpr int kMaps1 = 32;
inline constexpr int kSide1 = kSide / 2;
inline constexpr int kMaps2 = 64;
inline constexpr int kSide2 = kSide1 / 2;
inline constexpr int kFeatures = kMaps2 * kSide2 * kSide2;

// Convolution inputs carry a border of one zero pixel, so that no kernel has an edge case.
inline constexpr int kPadded = kSide + 2;
inline constexpr int kPadded1 = kSide1 + 2;
inline constexpr int kPaddedPixels = kColours * kPadded * kPadded;
inline constexpr int kPaddedMaps1 = kPadded1 * kPadded1 * kMaps1;

inline constexpr int kAlignment = 64;

// The normalised motion of two frames a and b in [0, 1]:
// clamp((b - a) / (a + b + offset), +-limit) * gain.
inline constexpr float kMotionOffset = 0.3f;
inline constexpr float kMotionLimit = 0.2f;
inline constexpr float kMotionGain = 50.0f;

// Weights in the order in which the kernels read them: the output map runs fastest.
struct alignas(kAlignment) PackedWeights {
  float conv1[9 * kColours * kMaps1];               // [ky][kx][colour][map]
  float conv1_bias[kMaps1];                         // [map]
  float conv2[9 * kMaps1 * kMaps2];                 // [ky][kx][map1][map2]
  float conv2_bias[kMaps2];                         // [map2]
  float fully_connected[kSide2 * kSide2 * kMaps2];  // [y][x][map2]
  float fully_connected_bias;
};

// Working memory of one forward pass. The zero borders are written once, by `clear_borders`.
struct alignas(kAlignment) StudentScratch {
  float motion[kPaddedPixels];  // [colour][y][x], padded
  float maps1[kPaddedMaps1];    // [y][x][map], padded
};

struct Kernels {
  const char* name;

  // sum[i] += weight * row[i] for i < count. Neither buffer need be aligned.
  void (*add_row)(const std::uint8_t* row, float weight, int count, float* sum);

  // The normalised motion of `count` pixel values. Buffers need not be aligned.
  void (*motion)(const float* a, const float* b, std::ptrdiff_t count, float* out);

  // First convolution, tanh and 2x2 average pooling: scratch.motion -> scratch.maps1.
  void (*first_layer)(const PackedWeights& weights, StudentScratch& scratch);

  // Second convolution, tanh, 2x2 average pooling and the fully connected layer:
  // scratch.maps1 -> the predicted change of the pulse.
  float (*second_layer)(const PackedWeights& weights, const StudentScratch& scratch);
};

extern const Kernels kPortableKernels;

// The backend called `name`; "auto" picks the fastest one that this processor runs.
// Throws std::invalid_argument, naming the backends there are, for any other name.
const Kernels& select_kernels(const char* name);

// Names of the backends that this build holds and this processor runs, ended by nullptr.
const char* const* available_backends();

}  // namespace rppg
