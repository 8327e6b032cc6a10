#include "network/weight_packing.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

namespace rppg {
namespace {

constexpr double kTwoLog2E = 2.8853900817779268;

// The transform of a filter of three taps to the points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity of
// Winograd's F(6, 3).
constexpr double kFilter[kTilePoints][3] = {
    {1, 0, 0},
    {-2.0 / 9, -2.0 / 9, -2.0 / 9},
    {-2.0 / 9, 2.0 / 9, -2.0 / 9},
    {1.0 / 90, 1.0 / 45, 2.0 / 45},
    {1.0 / 90, -1.0 / 45, 2.0 / 45},
    {32.0 / 45, 16.0 / 45, 8.0 / 45},
    {32.0 / 45, -16.0 / 45, 8.0 / 45},
    {0, 0, 1},
};

void scale(const float* from, int count, double factor, float* to) {
  for (int i = 0; i < count; ++i) to[i] = static_cast<float>(factor * from[i]);
}

// Packs the weights of the convolution of the three colors.
void pack_colors(const float* weight, float* packed) {
  for (int map = 0; map < kMaps1; ++map)
    for (int color = 0; color < kColors; ++color)
      for (int kx = 0; kx < 3; ++kx)
        for (int point = 0; point < kTilePoints; ++point) {
          double sum = 0;
          for (int ky = 0; ky < 3; ++ky)
            sum += kFilter[point][ky] * weight[((map * kColors + color) * 3 + ky) * 3 + kx];
          packed[((point * kColors + color) * 3 + kx) * kMaps1 + map] =
              static_cast<float>(kTwoLog2E * sum);
        }
}

// Packs the weights of a convolution with tiles in both directions.
template <class Layer>
void pack_tiles(const float* weight, TileWeights<Layer>& packed) {
  for (int to = 0; to < Layer::kOut; ++to)
    for (int from = 0; from < Layer::kIn; ++from) {
      const float* filter = weight + (to * Layer::kIn + from) * 9;
      for (int py = 0; py < kTilePoints; ++py)
        for (int px = 0; px < kTilePoints; ++px) {
          double sum = 0;
          for (int ky = 0; ky < 3; ++ky)
            for (int kx = 0; kx < 3; ++kx)
              sum += kFilter[py][ky] * kFilter[px][kx] * filter[ky * 3 + kx];
          packed[to / kHalf][py * kTilePoints + px][from * kHalf + to % kHalf] =
              static_cast<float>(kTwoLog2E * sum);
        }
    }
}

// The nearest bf16; of two equally near ones, the even one.
std::uint16_t to_bf16(double value) {
  const float single = static_cast<float>(value);
  std::uint32_t bits;
  std::memcpy(&bits, &single, sizeof bits);
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

double from_bf16(std::uint16_t half) {
  const std::uint32_t bits = std::uint32_t{half} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return static_cast<double>(value);
}

// Rounds the nine taps of a filter to bf16. Neighbouring inputs are similar, so that the sum of the
// taps matters most: the rounding error of a tap is added to the next smaller tap. This reduces the
// error at the network's output to a quarter.
void round_filter(const float* filter, std::uint16_t (&rounded)[9]) {
  int order[9];
  std::iota(order, order + 9, 0);
  std::sort(order, order + 9,
            [&](int a, int b) { return std::abs(filter[a]) > std::abs(filter[b]); });
  double rest = 0;
  for (const int tap : order) {
    const double wanted = kTwoLog2E * static_cast<double>(filter[tap]) + rest;
    rounded[tap] = to_bf16(wanted);
    rest = wanted - from_bf16(rounded[tap]);
  }
}

void pack_bf16(const StudentTensors& tensors, PackedWeights& packed) {
  for (int map1 = 0; map1 < kMaps1; ++map1)
    packed.rest1[map1] = std::tanh(tensors.conv1_bias[map1]);
  for (int map2 = 0; map2 < kMaps2; ++map2) {
    // For every tap, the sum over the first maps at zero motion.
    double rest[9] = {};
    for (int map1 = 0; map1 < kMaps1; ++map1) {
      const float* const filter = tensors.conv2 + (map2 * kMaps1 + map1) * 9;
      std::uint16_t rounded[9];
      round_filter(filter, rounded);
      for (int tap = 0; tap < 9; ++tap) {
        packed.conv2_bf16[map2 / kBlock][tap][map1 / 2][map2 % kBlock * 2 + map1 % 2] =
            rounded[tap];
        rest[tap] += static_cast<double>(filter[tap]) * static_cast<double>(packed.rest1[map1]);
      }
    }
    constexpr int kFirstRow[3] = {0, 2, kSide1 - 2};
    for (int pair = 0; pair < 3; ++pair)
      for (int pixel = 0; pixel < kPairPixels; ++pixel) {
        const int y = kFirstRow[pair] + pixel / kPadded1, x = pixel % kPadded1;
        double sum = static_cast<double>(tensors.conv2_bias[map2]);
        for (int tap = 0; tap < 9; ++tap) {
          const int from_y = y + tap / 3 - 1, from_x = x + tap % 3 - 1;
          if (from_y >= 0 && from_y < kSide1 && from_x >= 0 && from_x < kSide1) sum += rest[tap];
        }
        packed.rest2[pair][pixel][map2] = static_cast<float>(kTwoLog2E * sum);
      }
  }
}

// Packs the biases and the last layer, which are the same for every backend.
template <class Packed>
void pack_rest(const StudentTensors& tensors, Packed& packed) {
  scale(tensors.conv1_bias, kMaps1, kTwoLog2E, packed.conv1_bias);
  scale(tensors.conv2_bias, kMaps2, kTwoLog2E, packed.conv2_bias);
  constexpr int kCells = kSide2 * kSide2;
  for (int map = 0; map < kMaps2; ++map)
    for (int cell = 0; cell < kCells; ++cell)
      packed.fully_connected[cell * kMaps2 + map] = tensors.fully_connected[map * kCells + cell];
  packed.fully_connected_bias = *tensors.fully_connected_bias;
}

// Transposes [map][input and tap] to [input and tap][map].
void transpose(const float* weight, int maps, int taps, float* out) {
  for (int map = 0; map < maps; ++map)
    for (int tap = 0; tap < taps; ++tap)
      out[tap * maps + map] = static_cast<float>(kTwoLog2E * weight[map * taps + tap]);
}

void pack_branch(const BranchTensors& tensors, PackedBranch& packed) {
  const auto& [first, second, third, fourth] = tensors.layers;
  pack_colors(first.weight, packed.conv1);
  pack_tiles<Teacher2>(second.weight, packed.conv2);
  pack_tiles<Teacher3>(third.weight, packed.conv3);
  pack_tiles<Teacher4>(fourth.weight, packed.conv4);
  scale(first.bias, kMaps1, kTwoLog2E, packed.conv1_bias);
  scale(second.bias, kMaps1, kTwoLog2E, packed.conv2_bias);
  scale(third.bias, kMaps2, kTwoLog2E, packed.conv3_bias);
  scale(fourth.bias, kMaps2, kTwoLog2E, packed.conv4_bias);
}

}  // namespace

void pack(const StudentTensors& tensors, PackedWeights& packed) {
  pack_colors(tensors.conv1, packed.conv1);
  pack_tiles<Student2>(tensors.conv2, packed.conv2);
  pack_bf16(tensors, packed);
  pack_rest(tensors, packed);
}

void pack(const StudentTensors& tensors, cuda::DeviceWeights& packed) {
  transpose(tensors.conv1, kMaps1, kColors * 9, packed.conv1);
  transpose(tensors.conv2, kMaps2, kMaps1 * 9, packed.conv2);
  pack_rest(tensors, packed);
}

void pack(const TeacherTensors& tensors, PackedTeacher& packed) {
  pack_branch(tensors.motion, packed.motion);
  pack_branch(tensors.appearance, packed.appearance);
  scale(tensors.attention1.weight, kMaps1, -kTwoLog2E / 2, packed.attention1);
  scale(tensors.attention2.weight, kMaps2, -kTwoLog2E / 2, packed.attention2);
  scale(tensors.attention1.bias, 1, -kTwoLog2E / 2, &packed.attention1_bias);
  scale(tensors.attention2.bias, 1, -kTwoLog2E / 2, &packed.attention2_bias);
  constexpr int kCells = kSide2 * kSide2;
  for (int unit = 0; unit < kTeacherHidden; ++unit)
    for (int map = 0; map < kMaps2; ++map)
      for (int cell = 0; cell < kCells; ++cell)
        packed.hidden[unit / kUnitsAtOnce]
                     [(cell * kMaps2 + map) * kUnitsAtOnce + unit % kUnitsAtOnce] =
            static_cast<float>(kTwoLog2E *
                               tensors.hidden.weight[(unit * kMaps2 + map) * kCells + cell]);
  scale(tensors.hidden.bias, kTeacherHidden, kTwoLog2E, packed.hidden_bias);
  std::copy_n(tensors.output.weight, kTeacherHidden, packed.output);
  packed.output_bias = *tensors.output.bias;
}

}  // namespace rppg
