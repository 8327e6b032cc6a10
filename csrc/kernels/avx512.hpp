// The vector for x86-64 with AVX-512 (F, BW, VL): 32 registers of 16 floats. Only a backend's own
// source file, compiled for such processors, includes this header.
#pragma once

#include <immintrin.h>

#include "generic.hpp"

namespace rppg {
namespace {

struct V {
  static constexpr int kWidth = 16;
  static constexpr bool kFewRegisters = false;
  static constexpr int kRows = 9, kColumns = 2, kColumns1 = 2, kWordsAtOnce = 2;
  static constexpr int kAcross = 12, kRegionVectors = 3;
  __m512 v;

  static V zero() { return {_mm512_setzero_ps()}; }
  static V all(float x) { return {_mm512_set1_ps(x)}; }
  static V splat(const float* from) { return {_mm512_set1_ps(*from)}; }
  static V load(const float* from) { return {_mm512_loadu_ps(from)}; }
  void store(float* to) const { _mm512_storeu_ps(to, v); }

  friend V operator+(V a, V b) { return {_mm512_add_ps(a.v, b.v)}; }
  friend V operator-(V a, V b) { return {_mm512_sub_ps(a.v, b.v)}; }
  friend V operator*(V a, V b) { return {_mm512_mul_ps(a.v, b.v)}; }
  friend V operator/(V a, V b) { return {_mm512_div_ps(a.v, b.v)}; }
  friend V fma(V a, V b, V c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  // The instruction returns its second operand if either operand is NaN.
  friend V clamp(V x, V low, V high) { return {_mm512_min_ps(high.v, _mm512_max_ps(low.v, x.v))}; }
  friend V max(V a, V b) { return {_mm512_max_ps(a.v, b.v)}; }
  friend V power_of_two(V x) {
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(x.v), 23))};
  }

  struct Words {
    __m512i v[2];
    static Words zero() { return {{_mm512_setzero_si512(), _mm512_setzero_si512()}}; }
    static __m512i half(const std::uint8_t* from, int i) {
      return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from) + i));
    }
    void add(const std::uint8_t* from) {
      for (int i = 0; i < 2; ++i) v[i] = _mm512_add_epi16(v[i], half(from, i));
    }
    void add_times(const std::uint8_t* from, int times) {
      const __m512i all = _mm512_set1_epi16(static_cast<short>(times));
      for (int i = 0; i < 2; ++i)
        v[i] = _mm512_add_epi16(v[i], _mm512_mullo_epi16(half(from, i), all));
    }
    void floats(V (&to)[4]) const {
      for (int i = 0; i < 2; ++i) {
        const __m256i low = _mm512_castsi512_si256(v[i]);
        const __m256i high = _mm512_extracti64x4_epi64(v[i], 1);
        to[2 * i].v = _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(low));
        to[2 * i + 1].v = _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(high));
      }
    }
  };
};

}  // namespace
}  // namespace rppg
