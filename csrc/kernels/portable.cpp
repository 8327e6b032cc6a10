// The backend for any processor: vectors of 4 floats, without instructions of a particular
// processor.
#include "float4.hpp"
#include "generic.hpp"

namespace rppg {
namespace {

using Bits = std::uint32_t __attribute__((vector_size(16)));

struct V {
  static constexpr int kWidth = 4;
  static constexpr bool kFewRegisters = true;
  static constexpr int kRows = 3, kColumns = 4, kColumns1 = 2, kWordsAtOnce = 2;
  static constexpr int kAcross = 2, kRegionVectors = 3;
  Float4 v;

  static V all(float x) { return {Float4{x, x, x, x}}; }
  static V zero() { return all(0); }
  static V splat(const float* from) { return all(*from); }
  static V load(const float* from) { return {rppg::load(from)}; }
  void store(float* to) const { rppg::store(v, to); }

  friend V operator+(V a, V b) { return {a.v + b.v}; }
  friend V operator-(V a, V b) { return {a.v - b.v}; }
  friend V operator*(V a, V b) { return {a.v * b.v}; }
  friend V operator/(V a, V b) { return {a.v / b.v}; }
  friend V fma(V a, V b, V c) { return {a.v * b.v + c.v}; }
  friend V clamp(V x, V low, V high) {
    x.v = x.v < low.v ? low.v : x.v;
    return {x.v > high.v ? high.v : x.v};
  }
  friend V max(V a, V b) { return {a.v > b.v ? a.v : b.v}; }
  friend V power_of_two(V x) {
    Bits bits;
    std::memcpy(&bits, &x.v, sizeof bits);
    bits <<= 23;
    std::memcpy(&x.v, &bits, sizeof bits);
    return x;
  }

  struct Words {
    std::uint16_t v[4 * kWidth];
    static Words zero() { return {}; }
    void add(const std::uint8_t* from) { add_times(from, 1); }
    void add_times(const std::uint8_t* from, int times) {
      for (int i = 0; i < 4 * kWidth; ++i)
        v[i] = static_cast<std::uint16_t>(v[i] + times * from[i]);
    }
    void floats(V (&to)[4]) const {
      const auto at = [&](int i) { return static_cast<float>(v[i]); };
      for (int k = 0; k < 4; ++k)
        to[k].v = Float4{at(4 * k), at(4 * k + 1), at(4 * k + 2), at(4 * k + 3)};
    }
  };
};

}  // namespace

const Kernels kPortableKernels = Generic<V>::kernels("portable");

}  // namespace rppg
