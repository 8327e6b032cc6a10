// The backend for 64-bit Arm (ARMv8.0, such as the Cortex-A57): 32 registers of 4 floats.
#include <arm_neon.h>

#include "generic.hpp"

namespace rppg {
namespace {

struct V {
  static constexpr int kWidth = 4;
  static constexpr bool kFewRegisters = false;
  static constexpr int kRows = 3, kColumns = 8, kColumns1 = 4, kWordsAtOnce = 4;
  static constexpr int kAcross = 6, kRegionVectors = 9;
  float32x4_t v;

  static V zero() { return {vdupq_n_f32(0)}; }
  static V all(float x) { return {vdupq_n_f32(x)}; }
  static V splat(const float* from) { return {vld1q_dup_f32(from)}; }
  static V load(const float* from) { return {vld1q_f32(from)}; }
  void store(float* to) const { vst1q_f32(to, v); }

  friend V operator+(V a, V b) { return {vaddq_f32(a.v, b.v)}; }
  friend V operator-(V a, V b) { return {vsubq_f32(a.v, b.v)}; }
  friend V operator*(V a, V b) { return {vmulq_f32(a.v, b.v)}; }
  // Two Newton steps from the estimate; a division takes several times as long on the Cortex-A57.
  friend V operator/(V a, V b) {
    float32x4_t inverse = vrecpeq_f32(b.v);
    inverse = vmulq_f32(inverse, vrecpsq_f32(b.v, inverse));
    inverse = vmulq_f32(inverse, vrecpsq_f32(b.v, inverse));
    return {vmulq_f32(a.v, inverse)};
  }
  friend V fma(V a, V b, V c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
  friend V clamp(V x, V low, V high) { return {vminq_f32(high.v, vmaxq_f32(low.v, x.v))}; }
  friend V max(V a, V b) { return {vmaxq_f32(a.v, b.v)}; }
  friend V power_of_two(V x) {
    return {vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(x.v), 23))};
  }

  struct Words {
    uint16x8_t v[2];
    static Words zero() { return {{vdupq_n_u16(0), vdupq_n_u16(0)}}; }
    void add(const std::uint8_t* from) {
      const uint8x16_t bytes = vld1q_u8(from);
      v[0] = vaddw_u8(v[0], vget_low_u8(bytes));
      v[1] = vaddw_high_u8(v[1], bytes);
    }
    void add_times(const std::uint8_t* from, int times) {
      const uint8x16_t bytes = vld1q_u8(from), all = vdupq_n_u8(static_cast<std::uint8_t>(times));
      v[0] = vmlal_u8(v[0], vget_low_u8(bytes), vget_low_u8(all));
      v[1] = vmlal_high_u8(v[1], bytes, all);
    }
    void floats(V (&to)[4]) const {
      for (int i = 0; i < 2; ++i) {
        to[2 * i].v = vcvtq_f32_u32(vmovl_u16(vget_low_u16(v[i])));
        to[2 * i + 1].v = vcvtq_f32_u32(vmovl_high_u16(v[i]));
      }
    }
  };
};

}  // namespace

const Kernels kNeonKernels = Generic<V>::kernels("neon");

}  // namespace rppg
