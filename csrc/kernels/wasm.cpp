// The backend for WebAssembly with SIMD128: vectors of 4 floats. There is no fused multiply-add, so
// that its results are the bits of `portable`.
#include <wasm_simd128.h>

#include "generic.hpp"

namespace rppg {
namespace {

struct V {
  static constexpr int kWidth = 4;
  static constexpr bool kFewRegisters = true;
  static constexpr int kRows = 3, kColumns = 4, kColumns1 = 2, kWordsAtOnce = 2;
  static constexpr int kAcross = 2, kRegionVectors = 3;
  v128_t v;

  static V zero() { return all(0); }
  static V all(float x) { return {wasm_f32x4_splat(x)}; }
  static V splat(const float* from) { return {wasm_v128_load32_splat(from)}; }
  static V load(const float* from) { return {wasm_v128_load(from)}; }
  void store(float* to) const { wasm_v128_store(to, v); }

  friend V operator+(V a, V b) { return {wasm_f32x4_add(a.v, b.v)}; }
  friend V operator-(V a, V b) { return {wasm_f32x4_sub(a.v, b.v)}; }
  friend V operator*(V a, V b) { return {wasm_f32x4_mul(a.v, b.v)}; }
  friend V operator/(V a, V b) { return {wasm_f32x4_div(a.v, b.v)}; }
  friend V fma(V a, V b, V c) { return a * b + c; }
  // pmin(a, b) is b < a ? b : a, and pmax(a, b) is a < b ? b : a: one instruction of x86 each.
  friend V clamp(V x, V low, V high) {
    return {wasm_f32x4_pmin(wasm_f32x4_pmax(x.v, low.v), high.v)};
  }
  friend V max(V a, V b) { return {wasm_f32x4_pmax(b.v, a.v)}; }
  friend V power_of_two(V x) { return {wasm_i32x4_shl(x.v, 23)}; }

  struct Words {
    v128_t v[2];
    static Words zero() { return {{wasm_i16x8_splat(0), wasm_i16x8_splat(0)}}; }
    void add(const std::uint8_t* from) {
      const v128_t bytes = wasm_v128_load(from);
      v[0] = wasm_i16x8_add(v[0], wasm_u16x8_extend_low_u8x16(bytes));
      v[1] = wasm_i16x8_add(v[1], wasm_u16x8_extend_high_u8x16(bytes));
    }
    void add_times(const std::uint8_t* from, int times) {
      const v128_t bytes = wasm_v128_load(from);
      const v128_t factor = wasm_i16x8_splat(static_cast<std::int16_t>(times));
      v[0] = wasm_i16x8_add(v[0], wasm_i16x8_mul(wasm_u16x8_extend_low_u8x16(bytes), factor));
      v[1] = wasm_i16x8_add(v[1], wasm_i16x8_mul(wasm_u16x8_extend_high_u8x16(bytes), factor));
    }
    void floats(V (&to)[4]) const {
      for (int i = 0; i < 2; ++i) {
        to[2 * i].v = wasm_f32x4_convert_u32x4(wasm_u32x4_extend_low_u16x8(v[i]));
        to[2 * i + 1].v = wasm_f32x4_convert_u32x4(wasm_u32x4_extend_high_u16x8(v[i]));
      }
    }
  };
};

}  // namespace

const Kernels kWasmKernels = Generic<V>::kernels("wasm");

}  // namespace rppg
