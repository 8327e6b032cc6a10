// The backend for x86-64 with AVX2 and FMA: 16 registers of 8 floats.
#include <immintrin.h>

#include "generic.hpp"

namespace rppg {
namespace {

struct V {
  static constexpr int kWidth = 8;
  static constexpr bool kFewRegisters = true;
  static constexpr int kRows = 3, kColumns = 4, kColumns1 = 2, kWordsAtOnce = 2;
  static constexpr int kAcross = 6, kRegionVectors = 5;
  __m256 v;

  static V zero() { return {_mm256_setzero_ps()}; }
  static V all(float x) { return {_mm256_set1_ps(x)}; }
  static V splat(const float* from) { return {_mm256_broadcast_ss(from)}; }
  static V load(const float* from) { return {_mm256_loadu_ps(from)}; }
  void store(float* to) const { _mm256_storeu_ps(to, v); }

  friend V operator+(V a, V b) { return {_mm256_add_ps(a.v, b.v)}; }
  friend V operator-(V a, V b) { return {_mm256_sub_ps(a.v, b.v)}; }
  friend V operator*(V a, V b) { return {_mm256_mul_ps(a.v, b.v)}; }
  friend V operator/(V a, V b) { return {_mm256_div_ps(a.v, b.v)}; }
  friend V fma(V a, V b, V c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
  // The instruction returns its second operand if either operand is NaN.
  friend V clamp(V x, V low, V high) { return {_mm256_min_ps(high.v, _mm256_max_ps(low.v, x.v))}; }
  friend V max(V a, V b) { return {_mm256_max_ps(a.v, b.v)}; }
  friend V power_of_two(V x) {
    return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(x.v), 23))};
  }

  struct Words {
    __m256i v[2];
    static Words zero() { return {{_mm256_setzero_si256(), _mm256_setzero_si256()}}; }
    static __m256i half(const std::uint8_t* from, int i) {
      return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from) + i));
    }
    void add(const std::uint8_t* from) {
      for (int i = 0; i < 2; ++i) v[i] = _mm256_add_epi16(v[i], half(from, i));
    }
    void add_times(const std::uint8_t* from, int times) {
      const __m256i all = _mm256_set1_epi16(static_cast<short>(times));
      for (int i = 0; i < 2; ++i)
        v[i] = _mm256_add_epi16(v[i], _mm256_mullo_epi16(half(from, i), all));
    }
    void floats(V (&to)[4]) const {
      for (int i = 0; i < 2; ++i) {
        const __m128i low = _mm256_castsi256_si128(v[i]), high = _mm256_extracti128_si256(v[i], 1);
        to[2 * i].v = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(low));
        to[2 * i + 1].v = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(high));
      }
    }
  };
};

}  // namespace

const Kernels kAvx2Kernels = Generic<V>::kernels("avx2");

}  // namespace rppg
