// The networks' 3x3 convolutions by Winograd's F(6, 3), and a matrix product whose sums stay in
// registers. Written once for all instruction sets; V is described in generic.hpp.
#pragma once

#include "contract.hpp"

namespace rppg {

template <class V>
struct Winograd {
  static constexpr int kWidth = V::kWidth;

  // out[r][m] = sum over o and i of a[r * a_row + o * outer_step + i] * b[o * kInner + i][m], for
  // kR rows and kC vectors of maps. Rows of b are b_row floats apart, rows of out out_row floats.
  // Never inlined, because with the constants of a caller the sums would not all stay in registers.
  template <int kR, int kC, int kOuter, int kInner>
  __attribute__((noinline)) static void multiply(const float* a, int a_row, int outer_step,
                                                 const float* b, int b_row, float* out,
                                                 int out_row) {
    V sum[kR][kC];
    for (int r = 0; r < kR; ++r)
      for (int c = 0; c < kC; ++c) sum[r][c] = V::zero();
    for (int o = 0; o < kOuter; ++o) {
      for (int i = 0; i < kInner; ++i, b += b_row) {
        // Keeps the compiler from loading values of the next step early; there are no registers for
        // them.
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

  // Transforms eight inputs to eight points.
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

  // Transforms eight points to six outputs. A value added to point 1 is added to each output.
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

  // --- The convolution of the three colors, with tiles along the columns only

  // Transforms the input of output rows 6 * group to 6 * group + 5.
  static void transform_rows(const float* planes, int group, float* rows) {
    for (int color = 0; color < kColors; ++color) {
      const float* plane = planes + color * kSide * kSide;
      for (int next = 0; next < kSide; next += kWidth) {
        const int x = next < kSide - kWidth ? next : kSide - kWidth;  // the last vector overlaps
        V in[kTilePoints], points[kTilePoints];
        for (int i = 0; i < kTilePoints; ++i) {
          const int y = kTileSide * group + i - 1;
          in[i] = y < 0 || y >= kSide ? V::zero() : V::load(plane + y * kSide + x);
        }
        transform_input(in, points);
        for (int t = 0; t < kTilePoints; ++t)
          points[t].store(rows + (t * kColors + color) * kRowStride + 1 + x);
      }
    }
  }

  // Convolves planes, [color][y][x], to kMaps1 maps. finish(map, bias, products, stride, y, x)
  // gets the products of two columns and six rows of a vector of maps, whose first output is (y,
  // x), and turns them into outputs with `transform_columns`.
  template <class Finish>
  static void convolve_colors(const float* weights, const float* bias, const float* planes,
                              ColorScratch& s, Finish&& finish) {
    constexpr int kC = V::kColumns1, kAtOnce = kC * kWidth;
    static_assert(kMaps1 % kAtOnce == 0 && kAtOnce <= kMapsAtOnce, "blocks fill the product");
    for (int group = 0; group < kSide / kTileSide; ++group) {
      transform_rows(planes, group, s.rows);
      for (int map = 0; map < kMaps1; map += kAtOnce) {
        for (int x = 0; x < kSide; x += kAcross1) {
          for (int t = 0; t < kTilePoints; ++t)
            multiply<kAcross1, kC, kColors, 3>(s.rows + t * kColors * kRowStride + x, 1, kRowStride,
                                               weights + t * kColors * 3 * kMaps1 + map, kMaps1,
                                               s.products + t * kAcross1 * kAtOnce, kAtOnce);
          for (int c = 0; c < kC; ++c)
            for (int column = 0; column < kAcross1; column += 2)
              finish(map + c * kWidth, V::load(bias + map + c * kWidth),
                     s.products + column * kAtOnce + c * kWidth, kAtOnce, kTileSide * group,
                     x + column);
        }
      }
    }
  }

  // Transforms two columns of products to outputs before tanh.
  static void transform_columns(const float* products, int stride, V bias, V (&out)[2][kTileSide]) {
    for (int column = 0; column < 2; ++column) {
      V m[kTilePoints];
      for (int t = 0; t < kTilePoints; ++t)
        m[t] = V::load(products + (t * kAcross1 + column) * stride);
      m[1] = m[1] + bias;
      transform_output(m, out[column]);
    }
  }

  // --- Convolutions of maps, with tiles in both directions

  template <class Layer>
  static void transform_tiles(const float* maps, int first, TileScratch<Layer>& s) {
    V in[kTilePoints], points[kTilePoints];
    for (int map = 0; map < Layer::kIn; map += kWidth) {
      for (int down = 0; down < Layer::kDown; ++down) {
        const float* const rows = at<Layer::kRow>(maps, map, kTileSide * (first + down), 0);
        for (int x = 0; x < Layer::kRow; ++x) {
          for (int i = 0; i < kTilePoints; ++i)
            in[i] = V::load(rows + (i * Layer::kRow + x) * kBlock);
          transform_input(in, points);
          for (int i = 0; i < kTilePoints; ++i)
            points[i].store(s.band + (i * Layer::kRow + x) * kWidth);
        }
        for (int across = 0; across < Layer::kAcross; ++across) {
          for (int row = 0; row < kTilePoints; ++row) {
            const float* from = s.band + (row * Layer::kRow + kTileSide * across) * kWidth;
            for (int i = 0; i < kTilePoints; ++i) in[i] = V::load(from + i * kWidth);
            transform_input(in, points);
            for (int i = 0; i < kTilePoints; ++i)
              points[i].store(s.tiles[row * kTilePoints + i][down * Layer::kAcross + across] + map);
          }
        }
      }
    }
  }

  template <class Layer>
  static void multiply_tiles(const float (&weights)[kSquarePoints][Layer::kIn * kHalf],
                             TileScratch<Layer>& s) {
    constexpr int kR = V::kRows, kC = V::kColumns;
    static_assert(Layer::kTiles % kR == 0 && kHalf % (kC * kWidth) == 0, "blocks fill the product");
    for (int point = 0; point < kSquarePoints; ++point)
      for (int map = 0; map < kHalf; map += kC * kWidth)
        for (int tile = 0; tile < Layer::kTiles; tile += kR)
          multiply<kR, kC, 1, Layer::kIn>(
              s.tiles[point][tile], Layer::kIn, 0, weights[point] + map, kHalf,
              s.products + tile * kTileStride + point * kHalf + map, kTileStride);
  }

  // Convolves padded maps, [block][y][x][map]. finish(products, map, y, x) gets the products of
  // kHalf maps of a tile, whose first output is (y, x), and turns them into outputs with
  // `transform_tile`.
  template <class Layer, class Finish>
  static void convolve_maps(const TileWeights<Layer>& weights, const float* maps,
                            TileScratch<Layer>& s, Finish&& finish) {
    for (int first = 0; first < Layer::kAcross; first += Layer::kDown) {
      transform_tiles(maps, first, s);
      for (int map = 0; map < Layer::kOut; map += kHalf) {
        multiply_tiles(weights[map / kHalf], s);
        for (int tile = 0; tile < Layer::kTiles; ++tile)
          finish(s.products + tile * kTileStride, map, kTileSide * (first + tile / Layer::kAcross),
                 kTileSide * (tile % Layer::kAcross));
      }
    }
  }

  // Transforms a tile's products of one vector of maps to outputs before tanh. use(y, x, cell) gets
  // the four outputs of a pooling cell, the first of which is (y, x) in the tile.
  template <class Use>
  __attribute__((always_inline)) static void transform_tile(const float* products, V bias,
                                                            Use&& use) {
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
        V cell[4] = {upper[x], upper[x + 1], lower[x], lower[x + 1]};
        use(y, x, cell);
      }
    }
  }

  // The address of pixel (y, x) of `map` in maps of kRow x kRow pixels, [block][y][x][map].
  template <int kRow, class Float>
  static Float* at(Float* maps, int map, int y, int x) {
    return maps + (map / kBlock * kRow * kRow + y * kRow + x) * kBlock + map % kBlock;
  }
};

}  // namespace rppg
