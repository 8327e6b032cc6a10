// The contract of the compute kernels: operations, layouts, alignment and tolerances.
//
// A backend is one constant `Kernels` table. Every buffer is 64-byte aligned unless said otherwise,
// and no kernel allocates, locks or keeps state: the same input gives the same bits in any thread.
//
// Tolerances of every float32 backend against float64 arithmetic, on inputs of the sizes below:
//   sum_rows, average,
//   motion              1e-6 relative to the largest magnitude
//   power               1e-12 relative to the largest
//   correlate           1e-6 of the sum of magnitudes, times the square root of the rows
//   the student network 1e-5 of the standard deviation of its output on real motion
//   convolve, pool      of the networks made of them 1e-5 of the largest output
// `amx` rounds the inputs and weights of the second convolution to bf16: 2e-3 at the output of the
// weights that ship, which is in standard deviations of the label. It never ran on a processor that
// has AMX; it was tested with its instructions carried out in software.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pixel_span.hpp"
#include "shape.hpp"

namespace rppg {

// The first maps carry a border of one zero pixel, so that the second convolution has no edge.
inline constexpr int kPadded1 = kSide1 + 2;

// Both convolutions are computed by Winograd's minimal filtering, which trades multiplications for
// additions (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
// Six outputs from eight inputs by 8 products in place of 18; the first one down its columns only,
// the second one in both directions. Of 36 and 18 rows, sixes leave no rest.
inline constexpr int kTileSide = 6;
inline constexpr int kTilePoints = kTileSide + 2;
inline constexpr int kTilesAcross = kSide1 / kTileSide;
static_assert(kSide % kTileSide == 0 && kSide1 % kTileSide == 0, "no rest");
inline constexpr int kTiles = kTilesAcross * kTilesAcross;

inline constexpr int kAlignment = 64;

// So many parts of two rows of bytes fit 16 bits.
inline constexpr int kMostParts = 128;
static_assert(2 * kSide <= kMostParts, "two pixels that share their chroma");

// Values in a row of the witnesses, and with filling: three of the widest vectors.
inline constexpr int kWitnessValues = 36, kWitnessRow = 48;

// Maps are kept in blocks of 16, a cache line and the widest vector; the products of the second
// convolution are made for 32 maps at a time, so that they and their inputs stay in the cache.
inline constexpr int kBlock = 16;
inline constexpr int kHalf = kMaps2 / 2;

// Pixels in a tile of `amx`, and those that a pair of output rows of the second convolution takes.
inline constexpr int kTileRows = 13;
inline constexpr int kPairPixels = 3 * kTileRows;
static_assert(kPairPixels >= kPadded1 + kSide1, "three tiles hold two rows");

// Weights as the kernels read them: transformed for Winograd, the output map fastest, and
// multiplied by 2 log2(e), so that tanh begins with a power of two.
struct alignas(kAlignment) PackedWeights {
  float conv1[kTilePoints * kColours * 3 * kMaps1];  // [point][colour][kx][map]
  float conv1_bias[kMaps1];                          // [map]
  float conv2[kMaps2 / kHalf][kTilePoints * kTilePoints]
             [kMaps1 * kHalf];                      // [half][point][map1][map2]
  float conv2_bias[kMaps2];                         // [map2]
  float fully_connected[kSide2 * kSide2 * kMaps2];  // [y][x][map2]
  float fully_connected_bias;

  // For `amx`. The second convolution's weights by pairs of first maps, [block][tap][pair][map2][of
  // the pair]; the first maps as they are without motion; and what the second convolution makes of
  // these, its bias included: two rows of outputs, uppermost, further down, lowest.
  alignas(kAlignment) std::uint16_t conv2_bf16[kMaps2 / kBlock][9][kMaps1 / 2][kBlock * 2];
  alignas(kAlignment) float rest1[kMaps1];                  // [map1]
  alignas(kAlignment) float rest2[3][kPairPixels][kMaps2];  // [rows][pixel][map2]
};

// Rows of the first convolution's input, with a zero pixel on either side.
inline constexpr int kRowStride = kSide + 4;
// Of the first products: columns and maps at a time.
inline constexpr int kAcross1 = 6;
inline constexpr int kMapsAtOnce = 2 * kBlock;
// From one tile's products to the next; odd in cache lines, lest they fall into the same ones.
inline constexpr int kTileStride = kTilePoints * kTilePoints * kHalf + kBlock;

// Working memory of one forward pass. The zero borders are written once, by `clear_borders`.
struct alignas(kAlignment) StudentScratch {
  float rows[kTilePoints * kColours * kRowStride];            // [point][colour][x], padded
  float products1[kTilePoints * kAcross1 * kMapsAtOnce];      // [point][x][map of the block]
  float maps1[kMaps1 / kBlock][kPadded1 * kPadded1][kBlock];  // [block][y][x][map], padded
  float band[kTilePoints * kPadded1 * kBlock];                // [point][x][map of the vector]
  float tiles[kTilePoints * kTilePoints][kTiles][kMaps1];     // [point][tile][map1]
  float products2[kTiles * kTileStride];                      // [tile][point][map2 of the half]
  // `amx`: the first maps as bf16, padded; the last pixel is read for a sum that nobody uses. Of
  // the products, it uses [pair of rows][pixel][map2].
  alignas(kAlignment) std::uint16_t rounded1[kPadded1 * kPadded1 + 1][kMaps1];  // [y][x][map]
};
static_assert(2 * kPairPixels * kMaps2 <= kTiles * kTileStride, "two pairs of rows fit");

// Of a transform of real samples in pairs, each one complex value, see fft.hpp. Lanes are as many
// as the widest vector's doubles.
inline constexpr std::size_t kFftLanes = 8;
struct alignas(kAlignment) FftRow {
  double values[kFftLanes];
};
struct FftTables {
  std::size_t points;                             // complex values of each lane, a power of two
  const std::size_t* reversed;                    // their indices with their bits reversed
  const double *cosine, *sine;                    // exp(-2 pi i k / points), k < points
  const FftRow *lane_cosine, *lane_sine;          // [n][r], exp(-2 pi i n r / (kFftLanes * points))
  const double *untangle_cosine, *untangle_sine;  // exp(-pi i k / (kFftLanes * points))
};

// A convolution over maps of float32, [y][x][channel], with stride 1 and no border, and the PReLU
// after it: of a negative sum x it gives slope * x. Of a dense layer `size` is 1.
struct Convolution {
  int size;              // the kernel's side
  int in, in_stride;     // channels read of each pixel, floats from one pixel to the next
  int out;               // channels, whole blocks
  const float* weights;  // [block][ky][kx][in][kBlock]
  const float* bias;     // [out]
  const float* slope;    // [out]
};

// Which sums of a row each output pixel is made of: one, `whole` ones that count fully, and two
// more. So all output pixels are alike, and the processor guesses every branch.
struct Columns {
  int whole;
  struct {
    int first;
    float shares[3];  // of the first one and of the last two, which may be none
  } pixels[kSide];
};

struct Kernels {
  const char* name;

  // sum[i], for i < count, over the rows that are covered, the first of which is given. A row has
  // at most kMostParts parts. Buffers need not be aligned.
  void (*sum_rows)(const std::uint8_t* first, std::ptrdiff_t stride, const Cover& rows, int count,
                   float* sum);

  // planes[colour][x] = scale * the sums, [pixel][colour], that make output pixel x. A value beyond
  // each pixel is read, and the two pixels after the last. Buffers need not be aligned.
  void (*average)(const float* sums, const Columns& columns, float scale, float* const* planes);

  // The normalised motion of `count` pixel values. Buffers need not be aligned.
  void (*motion)(const float* a, const float* b, std::ptrdiff_t count, float* out);

  // The student network: motion, [colour][y][x], not necessarily aligned, -> change of the pulse.
  float (*change)(const PackedWeights& weights, const float* motion, StudentScratch& scratch);

  // Adds to sums[0..1][k], k < kWitnessValues, over `count` rows, row[k] times the row's `real` and
  // times its `imaginary` number. Rows and sums are kWitnessRow apart; none need be aligned.
  void (*correlate)(const float* rows, int count, const float* real, const float* imaginary,
                    float* sums);

  // Power of the first `bins` <= kFftLanes * points + 1 lines of the spectrum of `pairs` pairs of
  // samples, continued with zeros. The other two buffers are to work in, `points` rows each.
  void (*power)(const FftTables& tables, const double* samples, std::size_t pairs, FftRow* real,
                FftRow* imaginary, double* power, std::size_t bins);

  // A row of `width` output pixels from `layer.size` rows of input. Rows need not be aligned.
  void (*convolve)(const Convolution& layer, const float* const* rows, int width, float* out);

  // The largest of `size` pixels of each of `count` rows, beginning at every second one; the last
  // window may leave the rows' `in_width`. `channels` are whole blocks.
  void (*pool)(const float* const* rows, int count, int size, int in_width, int channels, int width,
               float* out);
};

extern const Kernels kPortableKernels, kAvx2Kernels, kAvx512Kernels, kAmxKernels, kNeonKernels;

// The backend called `name`. "auto" is the one that the environment variable RPPG_BACKEND names at
// the first use, else the fastest float32 one that this processor runs.
// Throws std::invalid_argument, naming the backends there are, for any other name; for one that
// does not run here, it says what is missing.
const Kernels& select_kernels(const char* name);

// Names of the backends that this build holds and this processor runs, the fastest first, those
// that are never chosen by themselves last, ended by nullptr.
const char* const* available_backends();

}  // namespace rppg
