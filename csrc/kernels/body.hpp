// The kernels, written once for all instruction sets. `V` is a vector of floats, defined by the
// backend's own file; since that type has internal linkage there, so has all that is made from it,
// and code for one processor never ends up in the program of another.
//
// What a backend's V gives:
//   V::kWidth                    floats in a vector: 4, 8 or 16
//   V::kFewRegisters             16, not 32
//   V::kRows, V::kColumns        accumulators of the second convolution's product, and
//   V::kColumns1                 those of the first one's: as many as the registers hold
//   V::kWordsAtOnce              of V::Words, likewise
//   V::kAcross                   pixels of `convolve` at a time, of a block of channels: likewise
//   V::kWitnessVectors           of a row of witnesses: likewise
//   load, store, splat           from, to and of floats; `splat(p)` repeats *p
//   +, -, *, /, fma(a, b, c)     a * b + c
//   clamp(x, low, high)          of a NaN: that NaN
//   max(a, b)
//   power_of_two(x)              of x + 1.5 * 2^23 + 127, a vector whose integer stands in the bits
//   V::Words                     4 * kWidth unsigned 16-bit sums: zero; add, add_times (of bytes);
//   floats
#pragma once

#include <cstddef>
#include <cstdint>

#include "convolve.hpp"
#include "fft.hpp"
#include "floats.hpp"
#include "kernels.hpp"

namespace rppg {

template <class V>
struct Body {
  static constexpr int kWidth = V::kWidth;
  static_assert(kBlock % kWidth == 0, "a block holds whole vectors");

  // --- Frames

  static constexpr int kInWords = 4;  // vectors that Words make

  // `kCount` neighbours, so that their additions overlap.
  template <int kCount>
  static void sum_rows_chunk(const std::uint8_t* first, std::ptrdiff_t stride, const Cover& cover,
                             float* sum) {
    using Words = typename V::Words;
    constexpr int kStep = kInWords * kWidth;
    constexpr int kCacheLine = 64;  // bytes, of most processors
    constexpr int kMost = 257;      // whole rows whose sum fits 16 bits
    const int rows = cover.last - cover.first;
    V total[kCount][kInWords], more[kInWords];
    Words words[kCount];
    const auto add_rows = [&](int begin) {
      const int end = begin + kMost < rows ? begin + kMost : rows;
      const std::uint8_t* from = first + begin * stride;
      for (Words& each : words) each = Words::zero();
      for (int row = begin; row < end; ++row, from += stride) {
        // What the next output row sums, into the second cache: the first has no room for it.
        for (int i = 0; i < kCount * kStep; i += kCacheLine)
          __builtin_prefetch(from + rows * stride + i, 0, 2);
        for (int i = 0; i < kCount; ++i) words[i].add(from + i * kStep);
      }
    };
    add_rows(1);
    for (int i = 0; i < kCount; ++i) words[i].floats(total[i]);
    for (int row = 1 + kMost; row < rows; row += kMost) {
      add_rows(row);
      for (int i = 0; i < kCount; ++i) {
        words[i].floats(more);
        for (int k = 0; k < kInWords; ++k) total[i][k] = total[i][k] + more[k];
      }
    }
    const float part = 1.0f / static_cast<float>(cover.parts);
    const std::uint8_t* const last = first + rows * stride;
    for (int i = 0; i < kCount; ++i) {
      Words parts = Words::zero();
      parts.add_times(first + i * kStep, cover.first_parts);
      if (rows > 0) parts.add_times(last + i * kStep, cover.last_parts);
      parts.floats(more);
      for (int k = 0; k < kInWords; ++k)
        fma(more[k], V::splat(&part), total[i][k]).store(sum + i * kStep + k * kWidth);
    }
  }

  static void sum_rows(const std::uint8_t* first, std::ptrdiff_t stride, const Cover& cover,
                       int count, float* sum) {
    constexpr int kStep = kInWords * kWidth, kMany = V::kWordsAtOnce;
    int i = 0;
    const auto chunk = [&](auto many) {
      constexpr int kCount = decltype(many)::value;
      sum_rows_chunk<kCount>(first + i, stride, cover, sum + i);
      i += kCount * kStep;
    };
    while (i + kMany * kStep <= count) chunk(Constant<kMany>());
    while (i + kStep <= count) chunk(Constant<1>());
    if (i == count) return;
    if (count >= kStep) {
      i = count - kStep;  // sums that are there already are made again
      return chunk(Constant<1>());
    }
    const int rows = cover.last - cover.first;
    for (; i < count; ++i) {
      int whole = 0, parts = cover.first_parts * first[i];
      for (int row = 1; row < rows; ++row) whole += first[i + row * stride];
      if (rows > 0) parts += cover.last_parts * first[i + rows * stride];
      sum[i] =
          static_cast<float>(whole) + static_cast<float>(parts) / static_cast<float>(cover.parts);
    }
  }

  static void average(const float* sums, const Columns& columns, float scale,
                      float* const* planes) {
    static_assert(kFloats == kColours + 1, "a pixel is a vector, whose last value is not used");
    for (int x = 0; x < kSide; ++x) {
      const auto& [first, shares] = columns.pixels[x];
      const float* pixel = sums + first * kColours;
      const float* const last = pixel + (columns.whole + 1) * kColours;
      Floats even = shares[0] * load(pixel) + shares[1] * load(last);
      Floats odd = shares[2] * load(last + kColours);  // so that additions overlap
      for (pixel += kColours; pixel + kColours < last; pixel += 2 * kColours) {
        odd += load(pixel);
        even += load(pixel + kColours);
      }
      if (pixel < last) odd += load(pixel);
      const Floats mean = scale * (even + odd);
      for (int c = 0; c < kColours; ++c) planes[c][x] = mean[c];
    }
  }

  static V motion(V a, V b) {
    const V ratio = (b - a) / (a + b + V::all(kMotionOffset));
    return clamp(ratio, V::all(-kMotionLimit), V::all(kMotionLimit)) * V::all(kMotionGain);
  }

  static void motion(const float* a, const float* b, std::ptrdiff_t count, float* out) {
    std::ptrdiff_t i = 0;
    for (; i + kWidth <= count; i += kWidth) motion(V::load(a + i), V::load(b + i)).store(out + i);
    if (i == count) return;
    float rest[3][kWidth] = {};
    for (std::ptrdiff_t k = i; k < count; ++k) {
      rest[0][k - i] = a[k];
      rest[1][k - i] = b[k];
    }
    motion(V::load(rest[0]), V::load(rest[1])).store(rest[2]);
    for (std::ptrdiff_t k = i; k < count; ++k) out[k] = rest[2][k - i];
  }

  // --- Witnesses

  static void correlate(const float* rows, int count, const float* real, const float* imaginary,
                        float* sums) {
    constexpr int kAtOnce = V::kWitnessVectors, kStep = kAtOnce * kWidth;
    constexpr int kSteps = (kWitnessValues + kStep - 1) / kStep;
    static_assert(kSteps * kStep <= kWitnessRow, "vectors stay in a row");
    for (int k = 0; k < kSteps * kStep; k += kStep) {
      V sum[2][kAtOnce];
      for (int i = 0; i < kAtOnce; ++i)
        for (int s = 0; s < 2; ++s) sum[s][i] = V::load(sums + s * kWitnessRow + k + i * kWidth);
      for (int row = 0; row < count; ++row) {
        const V re = V::splat(real + row), im = V::splat(imaginary + row);
        for (int i = 0; i < kAtOnce; ++i) {
          const V value = V::load(rows + row * kWitnessRow + k + i * kWidth);
          sum[0][i] = fma(value, re, sum[0][i]);
          sum[1][i] = fma(value, im, sum[1][i]);
        }
      }
      for (int i = 0; i < kAtOnce; ++i)
        for (int s = 0; s < 2; ++s) sum[s][i].store(sums + s * kWitnessRow + k + i * kWidth);
    }
  }

  // --- tanh and pooling

  // 2^z + 1 for z in [-26, 26], where tanh is 1 in float32: the product of four fits one float.
  static V power_plus_one(V z) {
    constexpr float kSaturation = 26.0f;
    constexpr float kRound = 12582912.0f + 127.0f;  // drops the fraction, leaves an exponent
    z = clamp(z, V::all(-kSaturation), V::all(kSaturation));
    const V rounded = z + V::all(kRound);
    const V f = z - (rounded - V::all(kRound));
    // 2^f on [-1/2, 1/2]: least largest relative error, 8e-8.
    V power = V::all(1.3276473e-3f);
    power = fma(power, f, V::all(9.6755410e-3f));
    power = fma(power, f, V::all(5.5507131e-2f));
    power = fma(power, f, V::all(2.4022120e-1f));
    power = fma(power, f, V::all(6.9314694e-1f));
    power = fma(power, f, V::all(1.0000001f));
    return fma(power, power_of_two(rounded), V::all(1.0f));
  }

  // The mean of tanh over a pooling cell. The arguments are multiplied by 2 log2(e) already, so
  // tanh(x) = 1 - 2 / (2^z + 1); the four quotients share one division.
  static V tanh_mean(V z0, V z1, V z2, V z3) {
    const V a = power_plus_one(z0), b = power_plus_one(z1);
    const V c = power_plus_one(z2), d = power_plus_one(z3);
    const V ab = a * b, cd = c * d;
    const V numerator = fma(a + b, cd, (c + d) * ab);
    return fma(numerator / (ab * cd), V::all(-0.5f), V::all(1.0f));
  }

  // --- The matrix product

  // out[r][m] = sum over o and i of a[r * a_row + o * outer_step + i] * b[o * kInner + i][m], for
  // kR rows and kC vectors of maps; rows of b and out are b_row and out_row apart. Never inlined:
  // beside somebody else's constants the sums would not all stay in registers.
  template <int kR, int kC, int kOuter, int kInner>
  __attribute__((noinline)) static void multiply(const float* a, int a_row, int outer_step,
                                                 const float* b, int b_row, float* out,
                                                 int out_row) {
    V sum[kR][kC];
    for (int r = 0; r < kR; ++r)
      for (int c = 0; c < kC; ++c) sum[r][c] = V::zero();
    for (int o = 0; o < kOuter; ++o) {
      for (int i = 0; i < kInner; ++i, b += b_row) {
        // Lest the compiler keep values for the next step, for which there are no registers.
        if constexpr (V::kFewRegisters) asm("" : "+r"(a));
        if constexpr (kR < kC) {
          V value[kR];
          for (int r = 0; r < kR; ++r) value[r] = V::splat(a + r * a_row + i);
          for (int c = 0; c < kC; ++c) {
            const V weight = V::load(b + c * kWidth);
            for (int r = 0; r < kR; ++r) sum[r][c] = fma(value[r], weight, sum[r][c]);
          }
        } else {
          V weight[kC];
          for (int c = 0; c < kC; ++c) weight[c] = V::load(b + c * kWidth);
          for (int r = 0; r < kR; ++r) {
            const V value = V::splat(a + r * a_row + i);
            for (int c = 0; c < kC; ++c) sum[r][c] = fma(value, weight[c], sum[r][c]);
          }
        }
      }
      a += outer_step;
    }
    for (int r = 0; r < kR; ++r)
      for (int c = 0; c < kC; ++c) sum[r][c].store(out + r * out_row + c * kWidth);
  }

  // --- Winograd's F(6, 3)

  // Eight inputs -> the eight points.
  static void transform_input(const V (&d)[kTilePoints], V (&v)[kTilePoints]) {
    const V q = V::all(5.25f), r = V::all(-4.25f);
    v[0] = fma(d[4] - d[2], q, d[0] - d[6]);
    v[7] = fma(d[3] - d[5], q, d[7] - d[1]);
    const V even1 = fma(d[4], r, d[2] + d[6]), odd1 = fma(d[3], r, d[1] + d[5]);
    v[1] = even1 + odd1;
    v[2] = even1 - odd1;
    const V middle = d[3] * V::all(-2.5f);
    const V even2 = fma(d[2], V::all(0.25f), fma(d[4], V::all(-1.25f), d[6]));
    const V odd2 = fma(d[1], V::all(0.5f), fma(d[5], V::all(2), middle));
    v[3] = even2 + odd2;
    v[4] = even2 - odd2;
    const V even3 = fma(d[2], V::all(4), fma(d[4], V::all(-5), d[6]));
    const V odd3 = fma(d[1], V::all(2), fma(d[5], V::all(0.5f), middle));
    v[5] = even3 + odd3;
    v[6] = even3 - odd3;
  }

  // Eight points -> six outputs. What is added to point 1 is added to each of them.
  static void transform_output(const V (&m)[kTilePoints], V (&y)[kTileSide]) {
    const V s1 = m[1] + m[2], d1 = m[1] - m[2];
    const V s2 = m[3] + m[4], d2 = m[3] - m[4];
    const V s3 = m[5] + m[6], d3 = m[5] - m[6];
    y[0] = (m[0] + s1) + (s2 + s3);
    y[1] = fma(d2, V::all(2), fma(d3, V::all(0.5f), d1));
    y[2] = fma(s2, V::all(4), fma(s3, V::all(0.25f), s1));
    y[3] = fma(d2, V::all(8), fma(d3, V::all(0.125f), d1));
    y[4] = fma(s2, V::all(16), fma(s3, V::all(0.0625f), s1));
    y[5] = fma(d2, V::all(32), fma(d3, V::all(0.03125f), d1 + m[7]));
  }

  // --- First layer

  // The transformed input of output rows 6 * group to 6 * group + 5.
  static void transform_rows(const float* motion, int group, float* rows) {
    for (int colour = 0; colour < kColours; ++colour) {
      const float* plane = motion + colour * kSide * kSide;
      for (int next = 0; next < kSide; next += kWidth) {
        const int x = next < kSide - kWidth ? next : kSide - kWidth;  // the last ones overlap
        V in[kTilePoints], points[kTilePoints];
        for (int i = 0; i < kTilePoints; ++i) {
          const int y = kTileSide * group + i - 1;
          in[i] = y < 0 || y >= kSide ? V::zero() : V::load(plane + y * kSide + x);
        }
        transform_input(in, points);
        for (int t = 0; t < kTilePoints; ++t)
          points[t].store(rows + (t * kColours + colour) * kRowStride + 1 + x);
      }
    }
  }

  static void first_layer(const PackedWeights& weights, const float* motion, StudentScratch& s) {
    constexpr int kC = V::kColumns1, kAtOnce = kC * kWidth;
    static_assert(kMaps1 % kAtOnce == 0 && kAtOnce <= kMapsAtOnce, "blocks fill the product");
    for (int group = 0; group < kSide / kTileSide; ++group) {
      transform_rows(motion, group, s.rows);
      for (int map = 0; map < kMaps1; map += kAtOnce) {
        for (int x = 0; x < kSide; x += kAcross1) {
          for (int t = 0; t < kTilePoints; ++t)
            multiply<kAcross1, kC, kColours, 3>(
                s.rows + t * kColours * kRowStride + x, 1, kRowStride,
                weights.conv1 + t * kColours * 3 * kMaps1 + map, kMaps1,
                s.products1 + t * kAcross1 * kAtOnce, kAtOnce);
          for (int c = 0; c < kC; ++c)
            for (int column = 0; column < kAcross1; column += 2)
              pool_first(s, map + c * kWidth, V::load(weights.conv1_bias + map + c * kWidth),
                         s.products1 + column * kAtOnce + c * kWidth, kAtOnce,
                         kTileSide / 2 * group, (x + column) / 2);
        }
      }
    }
  }

  // Two columns of products -> three pooling cells, from (y, x) of the first maps downwards.
  __attribute__((noinline)) static void pool_first(StudentScratch& s, int map, V bias,
                                                   const float* products, int stride, int y,
                                                   int x) {
    V out[2][kTileSide];
    for (int column = 0; column < 2; ++column) {
      V m[kTilePoints];
      for (int t = 0; t < kTilePoints; ++t)
        m[t] = V::load(products + (t * kAcross1 + column) * stride);
      m[1] = m[1] + bias;
      transform_output(m, out[column]);
    }
    float* const maps = s.maps1[map / kBlock][(y + 1) * kPadded1 + x + 1] + map % kBlock;
    for (int i = 0; i < kTileSide / 2; ++i)
      tanh_mean(out[0][2 * i], out[1][2 * i], out[0][2 * i + 1], out[1][2 * i + 1])
          .store(maps + i * kPadded1 * kBlock);
  }

  // --- Second layer

  static void transform_tiles(StudentScratch& s) {
    V in[kTilePoints], points[kTilePoints];
    for (int map = 0; map < kMaps1; map += kWidth) {
      for (int down = 0; down < kTilesAcross; ++down) {
        const float* maps = s.maps1[map / kBlock][kTileSide * down * kPadded1] + map % kBlock;
        for (int x = 0; x < kPadded1; ++x) {
          for (int i = 0; i < kTilePoints; ++i) in[i] = V::load(maps + (i * kPadded1 + x) * kBlock);
          transform_input(in, points);
          for (int i = 0; i < kTilePoints; ++i)
            points[i].store(s.band + (i * kPadded1 + x) * kWidth);
        }
        for (int across = 0; across < kTilesAcross; ++across) {
          for (int row = 0; row < kTilePoints; ++row) {
            const float* from = s.band + (row * kPadded1 + kTileSide * across) * kWidth;
            for (int i = 0; i < kTilePoints; ++i) in[i] = V::load(from + i * kWidth);
            transform_input(in, points);
            for (int i = 0; i < kTilePoints; ++i)
              points[i].store(s.tiles[row * kTilePoints + i][kTilesAcross * down + across] + map);
          }
        }
      }
    }
  }

  static void multiply_tiles(const PackedWeights& weights, int half, StudentScratch& s) {
    constexpr int kR = V::kRows, kC = V::kColumns;
    static_assert(kTiles % kR == 0 && kHalf % (kC * kWidth) == 0, "blocks fill the product");
    for (int point = 0; point < kTilePoints * kTilePoints; ++point)
      for (int map = 0; map < kHalf; map += kC * kWidth)
        for (int tile = 0; tile < kTiles; tile += kR)
          multiply<kR, kC, 1, kMaps1>(
              s.tiles[point][tile], kMaps1, 0, weights.conv2[half][point] + map, kHalf,
              s.products2 + tile * kTileStride + point * kHalf + map, kTileStride);
  }

  // One tile's products of one vector of maps -> its part of the fully connected layer.
  __attribute__((noinline)) static V pool_second(const float* products, V bias,
                                                 const float* fully_connected, V sum) {
    V rows[kTileSide][kTilePoints];
    for (int x = 0; x < kTilePoints; ++x) {
      V m[kTilePoints], y[kTileSide];
      for (int i = 0; i < kTilePoints; ++i)
        m[i] = V::load(products + (i * kTilePoints + x) * kHalf);
      if (x == 1) m[1] = m[1] + bias;
      transform_output(m, y);
      for (int i = 0; i < kTileSide; ++i) rows[i][x] = y[i];
    }
    for (int y = 0; y < kTileSide; y += 2) {
      V upper[kTileSide], lower[kTileSide];
      transform_output(rows[y], upper);
      transform_output(rows[y + 1], lower);
      for (int x = 0; x < kTileSide; x += 2) {
        const V pooled = tanh_mean(upper[x], upper[x + 1], lower[x], lower[x + 1]);
        sum = fma(pooled, V::load(fully_connected + (y / 2 * kSide2 + x / 2) * kMaps2), sum);
      }
    }
    return sum;
  }

  static float second_layer(const PackedWeights& weights, StudentScratch& s) {
    transform_tiles(s);
    alignas(kAlignment) float sums[kMaps2] = {};
    for (int half = 0; half < kMaps2 / kHalf; ++half) {
      multiply_tiles(weights, half, s);
      for (int tile = 0; tile < kTiles; ++tile) {
        const int cell =
            tile / kTilesAcross * (kTileSide / 2) * kSide2 + tile % kTilesAcross * (kTileSide / 2);
        for (int i = 0; i < kHalf; i += kWidth) {
          const int map = half * kHalf + i;
          pool_second(s.products2 + tile * kTileStride + i, V::load(weights.conv2_bias + map),
                      weights.fully_connected + cell * kMaps2 + map, V::load(sums + map))
              .store(sums + map);
        }
      }
    }
    return total(weights, sums);
  }

  static float total(const PackedWeights& weights, const float (&sums)[kMaps2]) {
    double change = static_cast<double>(weights.fully_connected_bias);
    for (const float sum : sums) change += static_cast<double>(sum);
    return static_cast<float>(change);
  }

  static float change(const PackedWeights& weights, const float* motion, StudentScratch& s) {
    first_layer(weights, motion, s);
    return second_layer(weights, s);
  }

  static constexpr Kernels kernels(const char* name) {
    return {name,      sum_rows,      average,          motion,           change,
            correlate, Fft<V>::power, Convolve<V>::row, Convolve<V>::pool};
  }

 private:
  template <int kValue>
  struct Constant {
    static constexpr int value = kValue;
  };
};

}  // namespace rppg
