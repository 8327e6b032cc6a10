#include "pack.hpp"

namespace rppg {
namespace {

constexpr double kTwoLog2E = 2.8853900817779268;

// Filters of three taps at the points 0, 1, -1, 2, -2 and infinity: Winograd's F(4, 3).
constexpr double kFilter1[kPoints1][3] = {
    {1.0 / 4, 0, 0},
    {-1.0 / 6, -1.0 / 6, -1.0 / 6},
    {-1.0 / 6, 1.0 / 6, -1.0 / 6},
    {1.0 / 24, 1.0 / 12, 1.0 / 6},
    {1.0 / 24, -1.0 / 12, 1.0 / 6},
    {0, 0, 1},
};

// At 0, 1, -1, 2, -2, 1/2, -1/2 and infinity: F(6, 3).
constexpr double kFilter2[kPoints2][3] = {
    {1, 0, 0},
    {-2.0 / 9, -2.0 / 9, -2.0 / 9},
    {-2.0 / 9, 2.0 / 9, -2.0 / 9},
    {1.0 / 90, 1.0 / 45, 2.0 / 45},
    {1.0 / 90, -1.0 / 45, 2.0 / 45},
    {32.0 / 45, 16.0 / 45, 8.0 / 45},
    {32.0 / 45, -16.0 / 45, 8.0 / 45},
    {0, 0, 1},
};

void pack_conv1(const float* weight, PackedWeights& packed) {
  for (int map = 0; map < kMaps1; ++map)
    for (int colour = 0; colour < kColours; ++colour)
      for (int kx = 0; kx < 3; ++kx)
        for (int point = 0; point < kPoints1; ++point) {
          double sum = 0;
          for (int ky = 0; ky < 3; ++ky)
            sum += kFilter1[point][ky] * weight[((map * kColours + colour) * 3 + ky) * 3 + kx];
          packed.conv1[((point * kColours + colour) * 3 + kx) * kMaps1 + map] =
              static_cast<float>(kTwoLog2E * sum);
        }
}

void pack_conv2(const float* weight, PackedWeights& packed) {
  for (int map2 = 0; map2 < kMaps2; ++map2)
    for (int map1 = 0; map1 < kMaps1; ++map1) {
      const float* filter = weight + (map2 * kMaps1 + map1) * 9;
      for (int py = 0; py < kPoints2; ++py)
        for (int px = 0; px < kPoints2; ++px) {
          double sum = 0;
          for (int ky = 0; ky < 3; ++ky)
            for (int kx = 0; kx < 3; ++kx)
              sum += kFilter2[py][ky] * kFilter2[px][kx] * filter[ky * 3 + kx];
          packed.conv2[map2 / kHalf][py * kPoints2 + px][map1 * kHalf + map2 % kHalf] =
              static_cast<float>(kTwoLog2E * sum);
        }
    }
}

}  // namespace

void pack(const StudentTensors& tensors, PackedWeights& packed) {
  pack_conv1(tensors.conv1, packed);
  pack_conv2(tensors.conv2, packed);
  for (int map = 0; map < kMaps1; ++map)
    packed.conv1_bias[map] = static_cast<float>(kTwoLog2E * tensors.conv1_bias[map]);
  for (int map = 0; map < kMaps2; ++map)
    packed.conv2_bias[map] = static_cast<float>(kTwoLog2E * tensors.conv2_bias[map]);
  constexpr int kCells = kSide2 * kSide2;
  for (int map = 0; map < kMaps2; ++map)
    for (int cell = 0; cell < kCells; ++cell)
      packed.fully_connected[cell * kMaps2 + map] = tensors.fully_connected[map * kCells + cell];
  packed.fully_connected_bias = *tensors.fully_connected_bias;
}

}  // namespace rppg
