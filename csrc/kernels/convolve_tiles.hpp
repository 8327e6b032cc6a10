// The 3x3 convolutions of the face detector's largest layers by Winograd's F(4, 3), in both
// directions; written once for all instruction sets. V is described in generic.hpp.
#pragma once

#include "contract.hpp"
#include "winograd.hpp"

namespace rppg {

template <class V>
struct ConvolveTiles {
  static constexpr int kWidth = V::kWidth;
  static constexpr int kSide = kFaceTileSide, kPoints = kFaceTilePoints;
  static constexpr int kSquare = kPoints * kPoints;
  // Tiles, and vectors of maps, whose products are summed at a time.
  static constexpr int kR = kFaceTilesAtOnce, kC = V::kFewRegisters ? 2 : 4;
  static_assert(kFaceTileOut % (kC * kWidth) == 0, "blocks fill the product");

  // Transforms six inputs to six points.
  static void transform_input(const V (&d)[kPoints], V (&v)[kPoints]) {
    const V four = V::all(4), minus_four = V::all(-4), minus_five = V::all(-5), two = V::all(2);
    v[0] = fma(d[0], four, fma(d[2], minus_five, d[4]));
    v[5] = fma(d[1], four, fma(d[3], minus_five, d[5]));
    const V even1 = fma(d[2], minus_four, d[4]), odd1 = fma(d[1], minus_four, d[3]);
    v[1] = even1 + odd1;
    v[2] = even1 - odd1;
    const V even2 = d[4] - d[2], odd2 = (d[3] - d[1]) * two;
    v[3] = even2 + odd2;
    v[4] = even2 - odd2;
  }

  // Transforms six points to four outputs. A value added to point 1 is added to each output.
  static void transform_output(const V (&m)[kPoints], V (&y)[kSide]) {
    const V s1 = m[1] + m[2], d1 = m[1] - m[2];
    const V s2 = m[3] + m[4], d2 = m[3] - m[4];
    y[0] = (m[0] + s1) + s2;
    y[1] = fma(d2, V::all(2), d1);
    y[2] = fma(s2, V::all(4), s1);
    y[3] = fma(d2, V::all(8), d1 + m[5]);
  }

  // Transforms the input of a row of tiles, [point][tile][map]. Pixels beyond the end of a row are
  // copies of its last one; they take part only in outputs that are not used.
  static void transform_tiles(const Convolution& layer, const float* const* rows, int last,
                              int across, int count, float* band, float* tiles) {
    V in[kPoints], points[kPoints];
    for (int map = 0; map < layer.in; map += kWidth) {
      for (int x = 0; x < kSide * across + kPoints - kSide; ++x) {
        const int pixel = (x < last ? x : last) * layer.in_stride + map;
        for (int i = 0; i < kPoints; ++i) in[i] = V::load(rows[i] + pixel);
        transform_input(in, points);
        for (int i = 0; i < kPoints; ++i) points[i].store(band + (x * kPoints + i) * kWidth);
      }
      for (int tile = 0; tile < across; ++tile) {
        const float* const from = band + kSide * tile * kPoints * kWidth;
        for (int row = 0; row < kPoints; ++row) {
          for (int i = 0; i < kPoints; ++i) in[i] = V::load(from + (i * kPoints + row) * kWidth);
          transform_input(in, points);
          for (int i = 0; i < kPoints; ++i)
            points[i].store(tiles + ((row * kPoints + i) * count + tile) * layer.in + map);
        }
      }
    }
  }

  // Multiplies the tiles by the weights of every point; the products are [tile][point][map].
  template <int kIn>
  static void multiply_tiles(const float* weights, const float* tiles, int count, float* products) {
    for (int point = 0; point < kSquare; ++point, weights += kIn * kFaceTileOut)
      for (int map = 0; map < kFaceTileOut; map += kC * kWidth)
        for (int tile = 0; tile < count; tile += kR)
          Winograd<V>::template multiply<kR, kC, 1, kIn>(
              tiles + (point * count + tile) * kIn, kIn, 0, weights + map, kFaceTileOut,
              products + tile * kFaceTileStride + point * kFaceTileOut + map, kFaceTileStride);
  }

  // Transforms a tile's products to outputs and applies PReLU. Rows and columns from `height` and
  // `width` on are not stored.
  static void finish_tile(const Convolution& layer, const float* products, int height, int width,
                          float* const* out, int x) {
    for (int map = 0; map < kFaceTileOut; map += kWidth) {
      V rows[kSide][kPoints];
      for (int column = 0; column < kPoints; ++column) {
        V m[kPoints], y[kSide];
        for (int i = 0; i < kPoints; ++i)
          m[i] = V::load(products + (i * kPoints + column) * kFaceTileOut + map);
        if (column == 1) m[1] = m[1] + V::load(layer.bias + map);
        transform_output(m, y);
        for (int i = 0; i < kSide; ++i) rows[i][column] = y[i];
      }
      const V slope = V::load(layer.slope + map);
      for (int row = 0; row < height; ++row) {
        V y[kSide];
        transform_output(rows[row], y);
        for (int i = 0; i < kSide; ++i) {
          if (i == width) break;
          const V above = max(y[i], V::zero());
          fma(slope, y[i] - above, above).store(out[row] + (x + i) * kFaceTileOut + map);
        }
      }
    }
  }

  static void rows(const Convolution& layer, const float* const* rows, int in_width, int height,
                   float* const* out, float* scratch) {
    const int width = in_width - 2, across = (width + kSide - 1) / kSide;
    const int down = (height + kSide - 1) / kSide;
    const int count = face_tiles(width);
    float* const band = scratch;
    float* const tiles = band + (kSide * across + kPoints - kSide) * kPoints * kBlock;
    float* const products = tiles + kSquare * count * layer.in;
    for (int row = 0; row < down; ++row)
      transform_tiles(layer, rows + kSide * row, in_width - 1, across, count, band,
                      tiles + row * across * layer.in);
    if (layer.in == 32)
      multiply_tiles<32>(layer.weights, tiles, count, products);
    else
      multiply_tiles<64>(layer.weights, tiles, count, products);
    for (int row = 0; row < down; ++row)
      for (int tile = 0; tile < across; ++tile)
        finish_tile(layer, products + (row * across + tile) * kFaceTileStride,
                    height - kSide * row < kSide ? height - kSide * row : kSide,
                    width - kSide * tile < kSide ? width - kSide * tile : kSide, out + kSide * row,
                    kSide * tile);
  }
};

}  // namespace rppg
