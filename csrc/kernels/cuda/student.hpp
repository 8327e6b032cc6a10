// The student network as programs of a thread block, C++14.
//
// A program is a list of phases: `block.each(phase)` runs `phase(thread, registers)` for every
// thread of the block and then waits for all of them. On the device the threads run at the same
// time. On the CPU (tests/native/run_cuda.cpp) they run one after the other in any order, which
// must not change the result.
//
// Both convolutions are direct and share their inner loop, the strip: nine pooling cells side by
// side, 2x18 outputs, of one or two maps. Their sums stay in the registers of one thread.
#pragma once

#include "../shape.hpp"
#include "device.hpp"

namespace rppg {
namespace cuda {

// Weights as the kernels read them: the output map is the fastest index, and all layers but the
// last are multiplied by 2 log2(e), so that tanh is computed from a power of two.
struct alignas(16) DeviceWeights {
  float conv1[kColors * 9 * kMaps1];  // [color][tap][map1]
  float conv1_bias[kMaps1];
  float conv2[kMaps1 * 9 * kMaps2];  // [map1][tap][map2]
  float conv2_bias[kMaps2];
  float fully_connected[kSide2 * kSide2 * kMaps2];  // [y][x][map2]
  float fully_connected_bias;
};

constexpr int kCells = kSide2;
constexpr int kColumns = 2 * kCells;
constexpr int kOutputs = 2 * kColumns;

template <int kMaps>
struct Strip {
  float z[kMaps][kOutputs];  // [y][x]
};

template <int kMaps>
RPPG_DEVICE void clear(Strip<kMaps>& strip) {
  RPPG_UNROLL
  for (int i = 0; i < kMaps * kOutputs; ++i) strip.z[i / kOutputs][i % kOutputs] = 0;
}

// Adds the contribution of one input plane to the strip. `plane` points to its corner, one pixel
// above and to the left of the outputs, at a multiple of kAlign floats. `weights` are [tap],
// kStride floats apart, with kMaps maps side by side.
template <int kMaps, int kPitch, int kAlign, int kStride>
RPPG_DEVICE void convolve(const float* plane, const float* weights, Strip<kMaps>& strip) {
  Floats<kMaps> weight[9];
  RPPG_UNROLL
  for (int tap = 0; tap < 9; ++tap) weight[tap] = Constants<kMaps>::load(weights + tap * kStride);
  RPPG_UNROLL
  for (int row = 0; row < 4; ++row) {
    float pixel[kColumns + 2];
    RPPG_UNROLL
    for (int x = 0; x < kColumns + 2; x += kAlign) {
      const Floats<kAlign> some = load<kAlign>(plane + row * kPitch + x);
      RPPG_UNROLL
      for (int i = 0; i < kAlign; ++i) pixel[x + i] = some.v[i];
    }
    RPPG_UNROLL
    for (int y = 0; y < 2; ++y) {
      const int ky = row - y;
      if (ky < 0 || ky > 2) continue;
      RPPG_UNROLL
      for (int i = 0; i < 3 * kColumns * kMaps; ++i) {
        const int kx = i / (kColumns * kMaps), x = i / kMaps % kColumns, m = i % kMaps;
        strip.z[m][y * kColumns + x] += weight[ky * 3 + kx].v[m] * pixel[x + kx];
      }
    }
  }
}

// 2^z + 1. Beyond z = 26 tanh is 1 in float32; the product of four such values still fits a float.
RPPG_DEVICE float power_plus_one(float z) {
  return exp2f(z > 26.0f ? 26.0f : z) + 1.0f;  // NaN stays NaN
}

// The mean of tanh over a pooling cell: tanh(x) = 1 - 2 / (2^z + 1). The four quotients share one
// division.
RPPG_DEVICE float tanh_mean(float z0, float z1, float z2, float z3) {
  const float a = power_plus_one(z0), b = power_plus_one(z1);
  const float c = power_plus_one(z2), d = power_plus_one(z3);
  const float ab = a * b, cd = c * d;
  return 1.0f - 0.5f * divide((a + b) * cd + (c + d) * ab, ab * cd);
}

template <int kMaps>
RPPG_DEVICE float pool(const Strip<kMaps>& strip, int m, int cell, float bias) {
  const float* const upper = strip.z[m] + 2 * cell;
  const float* const lower = upper + kColumns;
  return tanh_mean(upper[0] + bias, upper[1] + bias, lower[0] + bias, lower[1] + bias);
}

// Adds kCount values, kStep floats apart, in their order.
template <int kCount, int kStep>
RPPG_DEVICE float sum(const float* values) {
  float total = 0;
  RPPG_UNROLL
  for (int i = 0; i < kCount; ++i) total += values[i * kStep];
  return total;
}

// --- The first layer, for one band of the image at a time.

// The first maps that kCellRows rows of pooling cells of the second layer need, and the input that
// these maps need, with a border of zeros at the left and right, and above and below the image.
template <int kCellRows>
struct Band {
  static constexpr int kRows = 2 * kCellRows + 2, kPitch = kSide1 + 2;
  static constexpr int kInputRows = 2 * kRows + 2, kInputPitch = kSide + 4;
  static constexpr int kPlane =
      kRows * kPitch + 4;  // 4 more floats put neighbouring maps in different banks

  alignas(16) float input[kColors][kInputRows][kInputPitch];
  alignas(16) float maps[kMaps1][kPlane];

  // Loads the input of the band whose first row of cells is `first`, and sets the maps to zero.
  RPPG_DEVICE void load(const float* motion, int first, int thread, int threads) {
    constexpr int kAcross = kSide + 2;
    const int above = 4 * first - 3;
    for (int i = thread; i < kColors * kInputRows * kAcross; i += threads) {
      const int color = i / (kInputRows * kAcross), row = i / kAcross % kInputRows;
      const int y = above + row, x = i % kAcross - 1;
      const bool inside = y >= 0 && y < kSide && x >= 0 && x < kSide;
      input[color][row][x + 1] = inside ? motion[(color * kSide + y) * kSide + x] : 0.0f;
    }
    for (int i = thread; i < kMaps1 * kPlane; i += threads) maps[i / kPlane][i % kPlane] = 0;
  }

  // Each warp computes half a row of all maps; each lane computes one map.
  RPPG_DEVICE void make_maps(const DeviceWeights& weights, int first, int thread, int threads) {
    static_assert(kMaps1 == kWarp, "a map for a lane");
    const int map = thread % kWarp, above = 2 * first - 1;
    RPPG_KEEP_LOOP
    for (int i = thread / kWarp; i < 2 * kRows; i += threads / kWarp) {
      const int row = i / 2, half = i % 2;
      if (above + row < 0 || above + row >= kSide1) continue;
      Strip<1> strip;
      clear(strip);
      RPPG_KEEP_LOOP
      for (int color = 0; color < kColors; ++color)
        convolve<1, kInputPitch, 2, kMaps1>(input[color][2 * row] + half * kColumns,
                                            weights.conv1 + color * 9 * kMaps1 + map, strip);
      const float bias = load_constant(weights.conv1_bias + map);
      float* const out = maps[map] + row * kPitch + 1 + half * kCells;
      RPPG_UNROLL
      for (int cell = 0; cell < kCells; ++cell) out[cell] = pool(strip, 0, cell, bias);
    }
  }
};

// --- One block per image, for many images. The block computes three bands one after the other. For
// each band, a lane makes a row of cells of two maps from one half of the first maps. It then
// exchanges one of its two sums with the lane that made the same sums from the other half.

struct Whole {
  static constexpr int kCellRows = 3, kHalves = 2;
  static constexpr int kThreads = kHalves * kCellRows * kWarp;
  static constexpr int kMapsOfHalf = kMaps1 / kHalves;
  using Part = Band<kCellRows>;

  struct Shared {
    union {
      Part band;
      float exchange[kOutputs][kThreads];
    };
    float sums[kThreads];
    float partial[kWarp];
  };
  using Registers = Strip<2>;

  template <class Block>
  static RPPG_DEVICE void run(Block& block, Shared& s, const DeviceWeights& weights,
                              const float* motion, float* out) {
    static_assert(kMaps2 == 2 * kWarp, "two maps for a lane");
    block.each([&](int thread, Registers&) { s.sums[thread] = 0; });
    RPPG_KEEP_LOOP
    for (int first = 0; first < kSide2; first += kCellRows) {
      block.each([&](int thread, Registers&) { s.band.load(motion, first, thread, kThreads); });
      block.each(
          [&](int thread, Registers&) { s.band.make_maps(weights, first, thread, kThreads); });
      block.each([&](int thread, Registers& own) {
        const int y = thread / kWarp % kCellRows, map = 2 * (thread % kWarp);
        const int half = thread / (kWarp * kCellRows);
        clear(own);
        RPPG_KEEP_LOOP
        for (int i = half * kMapsOfHalf; i < (half + 1) * kMapsOfHalf; ++i)
          convolve<2, Part::kPitch, 4, kMaps2>(s.band.maps[i] + 2 * y * Part::kPitch,
                                               weights.conv2 + i * 9 * kMaps2 + map, own);
      });
      block.each([&](int thread, Registers& own) {
        const bool second = thread / (kWarp * kCellRows) == 1;
        RPPG_UNROLL
        for (int i = 0; i < kOutputs; ++i) {
          const float first_map = own.z[0][i], second_map = own.z[1][i];
          s.exchange[i][thread] = second ? first_map : second_map;
          own.z[0][i] = second ? second_map : first_map;
        }
      });
      block.each([&](int thread, Registers& own) {
        const int half = thread / (kWarp * kCellRows), y = thread / kWarp % kCellRows;
        const int map = 2 * (thread % kWarp) + half;
        const int other = (thread + kThreads / 2) % kThreads;
        RPPG_UNROLL
        for (int i = 0; i < kOutputs; ++i) own.z[0][i] += s.exchange[i][other];
        const float bias = load_constant(weights.conv2_bias + map);
        const float* const factors = weights.fully_connected + (first + y) * kSide2 * kMaps2 + map;
        float total = s.sums[thread];
        RPPG_UNROLL
        for (int cell = 0; cell < kCells; ++cell)
          total += load_constant(factors + cell * kMaps2) * pool(own, 0, cell, bias);
        s.sums[thread] = total;
      });
    }
    block.each([&](int thread, Registers&) {
      if (thread < kWarp) s.partial[thread] = sum<kThreads / kWarp, kWarp>(s.sums + thread);
    });
    block.each([&](int thread, Registers&) {
      if (thread == 0) *out = sum<kWarp, 1>(s.partial) + weights.fully_connected_bias;
    });
  }
};

// --- Many blocks per image, for few images, which would leave most of the device idle. Each block
// makes one row of cells of eight of the last maps; each of its threads does so from one first map.
// The block that finishes last adds the results of all blocks, always in the same order.

struct Split {
  static constexpr int kMaps = 8;
  static constexpr int kThreads = kMaps1 * kMaps;
  static constexpr int kGroups = kMaps2 / kMaps;
  static constexpr int kParts = kSide2 * kGroups;
  // Floats from one output to the next; it puts the pooling cells of a warp in different banks.
  static constexpr int kStep = kThreads + 4;
  using Part = Band<1>;

  struct Shared {
    union {
      Part band;
      float slices[kOutputs * kStep];  // [y][x][first map][map]
    };
    float products[kCells * kMaps];
    float partial[kMaps];
    bool last;
  };
  using Registers = Strip<1>;

  // `parts` has room for kParts values. `arrived` is zero before and after the run.
  template <class Block>
  static RPPG_DEVICE void run(Block& block, Shared& s, const DeviceWeights& weights, int part,
                              const float* motion, volatile float* parts, unsigned* arrived,
                              float* out) {
    const int row = part / kGroups, group = part % kGroups * kMaps;
    block.each([&](int thread, Registers&) { s.band.load(motion, row, thread, kThreads); });
    block.each([&](int thread, Registers&) { s.band.make_maps(weights, row, thread, kThreads); });
    block.each([&](int thread, Registers& strip) {
      const int map = group + thread % kMaps, input = thread / kMaps;
      clear(strip);
      convolve<1, Part::kPitch, 4, kMaps2>(s.band.maps[input],
                                           weights.conv2 + input * 9 * kMaps2 + map, strip);
    });
    block.each([&](int thread, Registers& strip) {
      RPPG_UNROLL
      for (int i = 0; i < kOutputs; ++i) s.slices[i * kStep + thread] = strip.z[0][i];
    });
    block.each([&](int thread, Registers&) {
      if (thread >= kCells * kMaps) return;
      const int map = thread % kMaps, cell = thread / kMaps;
      const float bias = load_constant(weights.conv2_bias + group + map);
      float z[4];
      RPPG_UNROLL
      for (int i = 0; i < 4; ++i) {
        const int output = i / 2 * kColumns + 2 * cell + i % 2;
        z[i] = bias + sum<kMaps1, kMaps>(s.slices + output * kStep + map);
      }
      s.products[thread] =
          tanh_mean(z[0], z[1], z[2], z[3]) *
          load_constant(weights.fully_connected + (row * kSide2 + cell) * kMaps2 + group + map);
    });
    block.each([&](int thread, Registers&) {
      if (thread < kMaps) s.partial[thread] = sum<kCells, kMaps>(s.products + thread);
    });
    block.each([&](int thread, Registers&) {
      if (thread != 0) return;
      parts[part] = sum<kMaps, 1>(s.partial);
      s.last = block.arrive(arrived) == kParts - 1;
    });
    if (!s.last) return;
    block.each([&](int thread, Registers&) {
      if (thread >= kMaps) return;
      float total = 0;
      RPPG_UNROLL
      for (int i = 0; i < kParts; i += kMaps) total += parts[thread + i];
      s.partial[thread] = total;
    });
    block.each([&](int thread, Registers&) {
      if (thread != 0) return;
      *out = sum<kMaps, 1>(s.partial) + weights.fully_connected_bias;
      *arrived = 0;
    });
  }
};

}  // namespace cuda
}  // namespace rppg
