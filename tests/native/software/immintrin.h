// Replaces the compiler's header: the AVX-512 and AMX instructions that the kernels use, in plain
// C++ after Intel's manual.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <limits>

namespace software {

template <typename Value, int kCount>
struct Lanes {
  Value v[kCount];

  template <typename Other, int kOthers>
  explicit operator Lanes<Other, kOthers>() const {  // keeps the bits
    static_assert(sizeof(Lanes<Other, kOthers>) == sizeof(Lanes), "as many bits");
    Lanes<Other, kOthers> out;
    std::memcpy(&out, this, sizeof out);
    return out;
  }
};

template <typename To, typename From>
To read(const From* from) {
  To out;
  std::memcpy(&out, from, sizeof out);
  return out;
}

[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

}  // namespace software

using __m512 = software::Lanes<float, 16>;
using __m512i = software::Lanes<std::uint32_t, 16>;
using __m512bh = software::Lanes<std::uint16_t, 32>;
using __m256i = software::Lanes<std::uint8_t, 32>;

template <typename Make>
__m512 software_each(Make make) {
  __m512 out;
  for (int i = 0; i < 16; ++i) out.v[i] = make(i);
  return out;
}

inline __m512 _mm512_set1_ps(float x) {
  return software_each([&](int) { return x; });
}
inline __m512 _mm512_setzero_ps() { return _mm512_set1_ps(0); }
inline __m512 _mm512_loadu_ps(const float* from) { return software::read<__m512>(from); }
inline void _mm512_storeu_ps(float* to, __m512 x) { std::memcpy(to, &x, sizeof x); }
inline __m512 _mm512_add_ps(__m512 a, __m512 b) {
  return software_each([&](int i) { return a.v[i] + b.v[i]; });
}
inline __m512 _mm512_sub_ps(__m512 a, __m512 b) {
  return software_each([&](int i) { return a.v[i] - b.v[i]; });
}
inline __m512 _mm512_mul_ps(__m512 a, __m512 b) {
  return software_each([&](int i) { return a.v[i] * b.v[i]; });
}
inline __m512 _mm512_div_ps(__m512 a, __m512 b) {
  return software_each([&](int i) { return a.v[i] / b.v[i]; });
}
// The product of two floats is exact in double; the only difference to the instruction is that the
// sum is rounded twice.
inline __m512 _mm512_fmadd_ps(__m512 a, __m512 b, __m512 c) {
  return software_each([&](int i) {
    return static_cast<float>(static_cast<double>(a.v[i]) * static_cast<double>(b.v[i]) +
                              static_cast<double>(c.v[i]));
  });
}
// If either operand is NaN, the result is the second one.
inline __m512 _mm512_min_ps(__m512 a, __m512 b) {
  return software_each([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
}
inline __m512 _mm512_max_ps(__m512 a, __m512 b) {
  return software_each([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}

inline __m512i _mm512_castps_si512(__m512 x) { return static_cast<__m512i>(x); }
inline __m512 _mm512_castsi512_ps(__m512i x) { return static_cast<__m512>(x); }
inline __m512i _mm512_slli_epi32(__m512i x, unsigned bits) {
  for (std::uint32_t& value : x.v) value <<= bits;
  return x;
}
inline __m512i _mm512_setzero_si512() { return {}; }
inline void _mm512_storeu_si512(void* to, __m512i x) { std::memcpy(to, &x, sizeof x); }
inline __m512 _mm512_cvtepi32_ps(__m512i x) {
  return software_each(
      [&](int i) { return static_cast<float>(static_cast<std::int32_t>(x.v[i])); });
}

inline __m256i _mm256_loadu_si256(const __m256i* from) { return software::read<__m256i>(from); }
inline __m512i _mm512_cvtepu8_epi16(__m256i x) {
  __m512bh out;
  for (int i = 0; i < 32; ++i) out.v[i] = x.v[i];
  return static_cast<__m512i>(out);
}
inline __m512i _mm512_add_epi16(__m512i a, __m512i b) {
  auto x = static_cast<__m512bh>(a), y = static_cast<__m512bh>(b);
  for (int i = 0; i < 32; ++i) x.v[i] = static_cast<std::uint16_t>(x.v[i] + y.v[i]);
  return static_cast<__m512i>(x);
}
inline __m512i _mm512_mullo_epi16(__m512i a, __m512i b) {
  auto x = static_cast<__m512bh>(a), y = static_cast<__m512bh>(b);
  for (int i = 0; i < 32; ++i) x.v[i] = static_cast<std::uint16_t>(x.v[i] * y.v[i]);
  return static_cast<__m512i>(x);
}
inline __m512i _mm512_set1_epi16(short value) {
  __m512bh out;
  for (std::uint16_t& each : out.v) each = static_cast<std::uint16_t>(value);
  return static_cast<__m512i>(out);
}
inline __m256i _mm512_castsi512_si256(__m512i x) { return software::read<__m256i>(x.v); }
inline __m256i _mm512_extracti64x4_epi64(__m512i x, int half) {
  return software::read<__m256i>(x.v + 8 * half);
}
inline __m512i _mm512_cvtepu16_epi32(__m256i x) {
  const auto words = software::read<software::Lanes<std::uint16_t, 16>>(&x);
  __m512i out;
  for (int i = 0; i < 16; ++i) out.v[i] = words.v[i];
  return out;
}

// bf16 is the upper half of a float's bits, rounded to the nearest, of two equally near ones to the
// even one. Denormals become zero.
namespace software {

inline std::uint16_t round_to_bf16(float value) {
  const auto bits = read<std::uint32_t>(&value);
  if (std::isnan(value)) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  if ((bits & 0x7F800000) == 0) return static_cast<std::uint16_t>(bits >> 16 & 0x8000);
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

inline float from_bf16(std::uint16_t half) {
  const std::uint32_t bits = (half & 0x7F80) == 0 ? (half & 0x8000u) << 16 : half * 0x10000u;
  return read<float>(&bits);
}

inline float flush(float value) {
  return std::abs(value) < std::numeric_limits<float>::min() ? 0 : value;
}

}  // namespace software

inline __m512bh _mm512_cvtne2ps_pbh(__m512 high, __m512 low) {
  __m512bh out;
  for (int i = 0; i < 16; ++i) {
    out.v[i] = software::round_to_bf16(low.v[i]);
    out.v[16 + i] = software::round_to_bf16(high.v[i]);
  }
  return out;
}

// --- Tiles

namespace software {

constexpr int kTiles = 8, kMostRows = 16, kRowBytes = 64;

struct Configuration {
  std::uint8_t palette, start_row, reserved[14];
  std::uint16_t bytes[16];
  std::uint8_t rows[16];
};
static_assert(sizeof(Configuration) == 64, "as the processor reads it");

struct Tiles {
  Configuration is;  // palette 0: tiles cannot be used
  unsigned char data[kTiles][kMostRows][kRowBytes];
};
inline thread_local Tiles tiles;

inline void require_configured(int tile) {
  if (tiles.is.palette != 1) fail("a tile was used before any configuration was loaded");
  if (tile < 0 || tile >= kTiles || tiles.is.rows[tile] == 0) fail("a tile that there is not");
}

}  // namespace software

inline void _tile_loadconfig(const void* from) {
  const auto is = software::read<software::Configuration>(static_cast<const char*>(from));
  if (is.palette != 1 || is.start_row != 0) software::fail("a configuration that is not allowed");
  for (const std::uint8_t value : is.reserved)
    if (value) software::fail("reserved bytes of a configuration are not zero");
  for (int i = 0; i < 16; ++i)
    if (is.rows[i] > (i < software::kTiles ? software::kMostRows : 0) ||
        is.bytes[i] > (i < software::kTiles ? software::kRowBytes : 0) ||
        (is.rows[i] == 0) != (is.bytes[i] == 0))
      software::fail("a configuration of tiles that there are not");
  software::tiles = {};
  software::tiles.is = is;
}

inline void _tile_release() { software::tiles = {}; }

inline void _tile_loadd(int tile, const void* base, std::ptrdiff_t stride) {
  software::require_configured(tile);
  auto& tiles = software::tiles;
  std::memset(tiles.data[tile], 0, sizeof tiles.data[tile]);
  for (int row = 0; row < tiles.is.rows[tile]; ++row)
    std::memcpy(tiles.data[tile][row], static_cast<const char*>(base) + row * stride,
                tiles.is.bytes[tile]);
}

inline void _tile_stored(int tile, void* base, std::ptrdiff_t stride) {
  software::require_configured(tile);
  const auto& tiles = software::tiles;
  for (int row = 0; row < tiles.is.rows[tile]; ++row)
    std::memcpy(static_cast<char*>(base) + row * stride, tiles.data[tile][row],
                tiles.is.bytes[tile]);
}

// Even and odd elements of the pairs are summed separately, and both sums are added at the end.
inline void _tile_dpbf16ps(int sums, int a, int b) {
  for (const int tile : {sums, a, b}) software::require_configured(tile);
  auto& tiles = software::tiles;
  const auto& is = tiles.is;
  const int pairs = is.bytes[a] / 4, columns = is.bytes[sums] / 4;
  if (sums == a || sums == b || a == b || is.rows[sums] != is.rows[a] || is.rows[b] != pairs ||
      is.bytes[b] != is.bytes[sums])
    software::fail("tiles that cannot be multiplied");
  constexpr int kMost = software::kRowBytes / 2;
  float of_b[software::kMostRows][kMost] = {};
  for (int pair = 0; pair < pairs; ++pair)
    for (int i = 0; i < 2 * columns; ++i)
      of_b[pair][i] =
          software::from_bf16(software::read<std::uint16_t>(tiles.data[b][pair] + 2 * i));
  for (int row = 0; row < is.rows[sums]; ++row) {
    float sum[kMost] = {};
    for (int pair = 0; pair < pairs; ++pair) {
      const auto of_a =
          software::read<software::Lanes<std::uint16_t, 2>>(tiles.data[a][row] + 4 * pair);
      const float both[2] = {software::from_bf16(of_a.v[0]), software::from_bf16(of_a.v[1])};
      for (int i = 0; i < kMost; ++i)
        sum[i] = software::flush(sum[i] + both[i % 2] * of_b[pair][i]);
    }
    for (int column = 0; column < columns; ++column) {
      unsigned char* const at = tiles.data[sums][row] + 4 * column;
      const float total =
          software::flush(software::read<float>(at) + (sum[2 * column] + sum[2 * column + 1]));
      std::memcpy(at, &total, sizeof total);
    }
  }
}
