// Sizes of the network and constants of its input, for the kernels of every backend. C++14, because
// device code includes it too.
#pragma once

namespace rppg {

// The network of the paper: 36x36x3 -> 18x18x32 -> 9x9x64 -> 1.
constexpr int kSide = 36;
constexpr int kColors = 3;
constexpr int kPixels = kColors * kSide * kSide;
constexpr int kMaps1 = 32;
constexpr int kSide1 = kSide / 2;
constexpr int kMaps2 = 64;
constexpr int kSide2 = kSide1 / 2;
constexpr int kFeatures = kMaps2 * kSide2 * kSide2;
// Of its teacher, whose four convolutions make maps of the same sizes, the hidden layer's units.
constexpr int kTeacherHidden = 128;

// The normalised motion of two appearances a and b with values in [0, 1]:
// clamp((b - a) / (a + b + offset), +-limit) * gain.
constexpr float kMotionOffset = 0.3f;
constexpr float kMotionLimit = 0.2f;
constexpr float kMotionGain = 50.0f;

}  // namespace rppg
