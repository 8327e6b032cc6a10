// The backend for x86-64 with AMX: the same as AVX-512, except that the second convolution uses
// tiles of bf16. It has never run on such a processor; tests/native/software emulates the
// instructions.
//
// A tile holds up to 16 rows of 64 bytes. An input tile is 13 pixels of 32 maps. A weight tile is
// one of the filter's nine taps, from 32 maps to 16. A sum tile is 13 pixels of 16 maps. Two output
// rows are 38 neighbouring pixels of the padded maps, with two unused ones between the rows: three
// tiles.
#include <atomic>

#include "avx512.hpp"

namespace rppg {
namespace {

struct Amx : StudentKernels<V> {
  struct alignas(64) Configuration {
    std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};  // in a row of each tile
    std::uint8_t rows[16] = {kTileRows, kTileRows, kTileRows, kTileRows,
                             kTileRows, kTileRows, kTileRows, kMaps1 / 2};
  };

  // Writes the first maps as bf16, minus their values for zero motion. The rounding error is thus
  // small for little motion, and zero for none.
  static void round_maps(const PackedWeights& weights, StudentScratch& s) {
    static_assert(kMaps1 == 2 * kWidth, "two vectors hold a pixel");
    const V rest_low = V::load(weights.rest1), rest_high = V::load(weights.rest1 + kWidth);
    for (int y = 1; y <= kSide1; ++y) {
      for (int x = 1; x <= kSide1; ++x) {
        const int pixel = y * kPadded1 + x;
        const V low = V::load(s.maps1[0][pixel]) - rest_low;
        const V high = V::load(s.maps1[1][pixel]) - rest_high;
        const auto rounded = (__m512i)_mm512_cvtne2ps_pbh(high.v, low.v);
        _mm512_storeu_si512(s.rounded1[pixel], rounded);
      }
    }
  }

  // Computes output rows 2 * pair and 2 * pair + 1 of the second convolution, bias included.
  static void multiply_rows(const PackedWeights& weights, int pair, StudentScratch& s) {
    constexpr int kIn = kMaps1 * sizeof *s.rounded1[0], kOut = kMaps2 * sizeof(float);
    constexpr int kWeights = kBlock * 2 * sizeof *weights.conv2_bf16[0][0][0];
    // All pairs of rows but the first and the last have the same outputs for zero motion.
    const auto& rest = weights.rest2[pair == 0 ? 0 : pair < kSide2 - 1 ? 1 : 2];
    float* const out = s.tiles2.products + pair % 2 * kPairPixels * kMaps2;
    // gcc does not know that loading a tile reads memory; the fence keeps the stores before the
    // loads.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    for (int block = 0; block < kMaps2 / kBlock; block += 2) {
      const float* const from = rest[0] + block * kBlock;
      _tile_loadd(0, from, kOut);
      _tile_loadd(1, from + kTileRows * kMaps2, kOut);
      _tile_loadd(2, from + 2 * kTileRows * kMaps2, kOut);
      _tile_loadd(3, from + kBlock, kOut);
      _tile_loadd(4, from + kTileRows * kMaps2 + kBlock, kOut);
      _tile_loadd(5, from + 2 * kTileRows * kMaps2 + kBlock, kOut);
      for (int tap = 0; tap < 9; ++tap) {
        const auto* const in = s.rounded1 + (2 * pair + tap / 3) * kPadded1 + tap % 3;
        _tile_loadd(7, weights.conv2_bf16[block][tap], kWeights);
        _tile_loadd(6, in, kIn);
        _tile_dpbf16ps(0, 6, 7);
        _tile_loadd(6, in + kTileRows, kIn);
        _tile_dpbf16ps(1, 6, 7);
        _tile_loadd(6, in + 2 * kTileRows, kIn);
        _tile_dpbf16ps(2, 6, 7);
        _tile_loadd(7, weights.conv2_bf16[block + 1][tap], kWeights);
        _tile_loadd(6, in, kIn);
        _tile_dpbf16ps(3, 6, 7);
        _tile_loadd(6, in + kTileRows, kIn);
        _tile_dpbf16ps(4, 6, 7);
        _tile_loadd(6, in + 2 * kTileRows, kIn);
        _tile_dpbf16ps(5, 6, 7);
      }
      float* const to = out + block * kBlock;
      _tile_stored(0, to, kOut);
      _tile_stored(1, to + kTileRows * kMaps2, kOut);
      _tile_stored(2, to + 2 * kTileRows * kMaps2, kOut);
      _tile_stored(3, to + kBlock, kOut);
      _tile_stored(4, to + kTileRows * kMaps2 + kBlock, kOut);
      _tile_stored(5, to + 2 * kTileRows * kMaps2 + kBlock, kOut);
    }
  }

  // Pools two rows of sums to a row of cells, and adds their contribution to the fully connected
  // layer.
  static void pool_rows(const PackedWeights& weights, int pair, const StudentScratch& s,
                        float* sums) {
    constexpr int kBelow = kPadded1 * kMaps2;
    const float* const rows = s.tiles2.products + pair % 2 * kPairPixels * kMaps2;
    for (int map = 0; map < kMaps2; map += kWidth) {
      V sum = V::load(sums + map);
      for (int x = 0; x < kSide2; ++x) {
        const float* const upper = rows + 2 * x * kMaps2 + map;
        const V pooled =
            Tanh<V>::tanh_mean(V::load(upper), V::load(upper + kMaps2), V::load(upper + kBelow),
                               V::load(upper + kBelow + kMaps2));
        const int cell = pair * kSide2 + x;
        sum = fma(pooled, V::load(weights.fully_connected + cell * kMaps2 + map), sum);
      }
      sum.store(sums + map);
    }
  }

  static float predict(const PackedWeights& weights, const float* motion, StudentScratch& s) {
    first_layer(weights, motion, s);
    round_maps(weights, s);
    // Loaded at every call, because other code in this thread may have changed the configuration.
    constexpr static Configuration configuration;
    _tile_loadconfig(&configuration);
    alignas(kAlignment) float sums[kMaps2] = {};
    // The tile unit computes a pair of rows while the vector unit pools the pair before.
    multiply_rows(weights, 0, s);
    for (int pair = 0; pair < kSide2; ++pair) {
      if (pair + 1 < kSide2) multiply_rows(weights, pair + 1, s);
      pool_rows(weights, pair, s, sums);
    }
    _tile_release();
    return total(weights, sums);
  }
};

}  // namespace

const Kernels kAmxKernels = Generic<V>::kernels("amx", Amx::predict);

}  // namespace rppg
