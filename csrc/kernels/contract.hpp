// The contract of the compute kernels: operations, memory layouts, alignment and tolerances.
//
// A backend is one constant table of type `Kernels`. Every buffer is 64-byte aligned unless the
// operation states otherwise. No kernel allocates, locks or keeps state: the same input gives the
// same bits in any thread.
//
// Tolerances of every float32 backend against float64 arithmetic, for inputs of the sizes below:
//   sum_rows, average,
//   motion              1e-6 of the largest magnitude
//   power               1e-12 of the largest magnitude
//   correlate           1e-6 of the sum of magnitudes, times the square root of the number of rows
//   student, teacher    1e-5 of the standard deviation of their output for real motion
//   convolve, pool,
//   convolve_tiles      1e-5 of the largest output of the networks that are made of them
// The backend `amx` rounds the inputs and weights of the student's second convolution to bf16. Its
// tolerance is 2e-3 at the output, for the weights that ship, in standard deviations of the label.
// It has never run on a processor with AMX; the tests emulate its instructions in software. Its
// teacher is the one of `avx512`, in float32.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pixel_span.hpp"
#include "shape.hpp"

namespace rppg {

inline constexpr int kAlignment = 64;

// Maps that a convolution reads have a border of one zero pixel, so that the convolution needs no
// special case at the edges.
inline constexpr int kPadded = kSide + 2, kPadded1 = kSide1 + 2;

// The convolutions are computed by Winograd's minimal filtering, which replaces multiplications by
// additions (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016). A tile
// makes six outputs from eight inputs with 8 products instead of 18. The convolution of the three
// colors uses tiles along its columns only, the others in both directions. 36 and 18 rows are
// multiples of six.
inline constexpr int kTileSide = 6;
inline constexpr int kTilePoints = kTileSide + 2;
inline constexpr int kSquarePoints = kTilePoints * kTilePoints;
static_assert(kSide % kTileSide == 0 && kSide1 % kTileSide == 0, "no rest");

// Upper bound of PixelSpan::parts: two rows of bytes, weighted by this many parts, fit 16 bits.
inline constexpr int kMostParts = 128;
static_assert(2 * kSide <= kMostParts, "two pixels that share their chroma");

// Values in a row of region signals, and the row's length with padding: three of the widest
// vectors.
inline constexpr int kRegionValues = 36, kRegionRow = 48;

// Maps are stored in blocks of 16 floats: a cache line, and the widest vector. The products of
// tiles are made for 32 maps at a time, so that they and their inputs stay in the cache.
inline constexpr int kBlock = 16;
inline constexpr int kHalf = kMaps2 / 2;

// Pixels in one tile of `amx`, and pixels for one pair of output rows of the second convolution.
inline constexpr int kTileRows = 13;
inline constexpr int kPairPixels = 3 * kTileRows;
static_assert(kPairPixels >= kPadded1 + kSide1, "three tiles hold two rows");

// The sizes of a convolution that uses tiles in both directions. It computes kDown rows of tiles at
// a time.
template <int kOfSide, int kFrom, int kTo>
struct TileLayer {
  static constexpr int kSide = kOfSide, kIn = kFrom, kOut = kTo;  // pixels, maps
  static constexpr int kRow = kSide + 2;                          // pixels of the padded input
  static constexpr int kAcross = kSide / kTileSide, kDown = 3;
  static constexpr int kTiles = kDown * kAcross;
  static_assert(kSide % kTileSide == 0 && kAcross % kDown == 0 && kOut % kHalf == 0, "no rest");
};
using Student2 = TileLayer<kSide1, kMaps1, kMaps2>;
using Teacher2 = TileLayer<kSide, kMaps1, kMaps1>;
using Teacher3 = Student2;
using Teacher4 = TileLayer<kSide1, kMaps2, kMaps2>;
template <class Layer>
using TileWeights =
    float[Layer::kOut / kHalf][kSquarePoints][Layer::kIn * kHalf];  // [half][point][in][map]

// The student's weights as the kernels read them: transformed for Winograd's filtering, with the
// output map as the fastest index, and multiplied by 2 log2(e), so that tanh is computed from a
// power of two.
struct alignas(kAlignment) PackedWeights {
  float conv1[kTilePoints * kColors * 3 * kMaps1];  // [point][color][kx][map]
  float conv1_bias[kMaps1];                         // [map]
  TileWeights<Student2> conv2;
  float conv2_bias[kMaps2];                         // [map2]
  float fully_connected[kSide2 * kSide2 * kMaps2];  // [y][x][map2]
  float fully_connected_bias;

  // For `amx`: the weights of the second convolution for pairs of first maps,
  // [block][tap][pair][map2][index in the pair]; the first maps for zero motion; and the outputs of
  // the second convolution for these maps, bias included, for three kinds of row pairs: the top
  // pair, a middle pair and the bottom pair.
  alignas(kAlignment) std::uint16_t conv2_bf16[kMaps2 / kBlock][9][kMaps1 / 2][kBlock * 2];
  alignas(kAlignment) float rest1[kMaps1];                  // [map1]
  alignas(kAlignment) float rest2[3][kPairPixels][kMaps2];  // [rows][pixel][map2]
};

// Whether this build runs the teacher. RPPG_NO_TEACHER is defined where it would be too large.
#if defined(RPPG_NO_TEACHER)
inline constexpr bool kHasTeacher = false;
#else
inline constexpr bool kHasTeacher = true;
#endif

// Number of units of the teacher's hidden layer that are computed at a time.
inline constexpr int kUnitsAtOnce = 64;

// The weights of the convolutions of one of the teacher's two branches, in the same form.
struct alignas(kAlignment) PackedBranch {
  float conv1[kTilePoints * kColors * 3 * kMaps1];
  float conv1_bias[kMaps1];
  TileWeights<Teacher2> conv2;
  float conv2_bias[kMaps1];
  TileWeights<Teacher3> conv3;
  float conv3_bias[kMaps2];
  TileWeights<Teacher4> conv4;
  float conv4_bias[kMaps2];
};

// The teacher's weights. Those of the attention layers are multiplied by -log2(e), because the
// sigmoid is computed from a power of two, and those of the hidden layer by 2 log2(e).
struct alignas(kAlignment) PackedTeacher {
  PackedBranch motion, appearance;
  float attention1[kMaps1], attention2[kMaps2];  // [map]
  float hidden[kTeacherHidden / kUnitsAtOnce]
              [kFeatures * kUnitsAtOnce];                     // [units][y][x][map2][unit]
  float hidden_bias[kTeacherHidden], output[kTeacherHidden];  // [unit]
  float attention1_bias, attention2_bias, output_bias;
};

// Length of a row of the colors' convolution's input, with a zero pixel on either side.
inline constexpr int kRowStride = kSide + 4;
// Columns and maps of that convolution that are computed at a time.
inline constexpr int kAcross1 = 6;
inline constexpr int kMapsAtOnce = 2 * kBlock;
// Floats from one tile's products to the next tile's. The stride is an odd number of cache lines,
// so that the tiles do not compete for the same cache sets.
inline constexpr int kTileStride = kSquarePoints * kHalf + kBlock;

// Working memory of a forward pass. A new one must be zero, as std::make_unique makes it: the pass
// reads the borders of the padded maps and never writes them.
struct alignas(kAlignment) ColorScratch {
  float rows[kTilePoints * kColors * kRowStride];        // [point][color][x], padded
  float products[kTilePoints * kAcross1 * kMapsAtOnce];  // [point][x][map of the block]
};
template <class Layer>
struct alignas(kAlignment) TileScratch {
  float band[kTilePoints * Layer::kRow * kBlock];         // [point][x][map of the vector]
  float tiles[kSquarePoints][Layer::kTiles][Layer::kIn];  // [point][tile][map]
  float products[Layer::kTiles * kTileStride];            // [tile][point][map of the half]
};
struct alignas(kAlignment) StudentScratch {
  ColorScratch colors;
  float maps1[kMaps1 / kBlock][kPadded1 * kPadded1][kBlock];  // [block][y][x][map], padded
  TileScratch<Student2> tiles2;
  // For `amx`: the first maps as bf16, padded. The last pixel is read for a sum that is not used.
  // `amx` uses the products as [pair of rows][pixel][map2].
  alignas(kAlignment) std::uint16_t rounded1[kPadded1 * kPadded1 + 1][kMaps1];  // [y][x][map]
};
static_assert(2 * kPairPixels * kMaps2 <= Student2::kTiles * kTileStride, "two pairs of rows fit");

struct alignas(kAlignment) TeacherScratch {
  ColorScratch colors;
  float maps1[kMaps1 / kBlock][kPadded * kPadded][kBlock];    // [block][y][x][map], padded
  float maps2[kMaps1 / kBlock][kPadded1 * kPadded1][kBlock];  // pooled, padded
  float maps3[kMaps2 / kBlock][kPadded1 * kPadded1][kBlock];  // padded
  float features[kSide2 * kSide2][kMaps2];                    // [y][x][map], pooled
  float mask1[kSide * kSide];                                 // [y][x]
  float mask2[(kSide1 * kSide1 + kBlock - 1) / kBlock * kBlock];
  union {  // one layer uses them at a time; they have no borders
    TileScratch<Teacher2> tiles2;
    TileScratch<Teacher3> tiles3;
    TileScratch<Teacher4> tiles4;
  };
};

// Tables for a Fourier transform of real samples, two of which form one complex value; see fft.hpp.
// The number of lanes is the number of doubles in the widest vector.
inline constexpr std::size_t kFftLanes = 8;
struct alignas(kAlignment) FftRow {
  double values[kFftLanes];
};
struct FftTables {
  std::size_t points;                     // complex values in each lane, a power of two
  const std::size_t* reversed;            // the indices of these values with their bits reversed
  const double *cosine, *sine;            // exp(-2 pi i k / points), k < points
  const FftRow *lane_cosine, *lane_sine;  // [n][r], exp(-2 pi i n r / (kFftLanes * points))
  const double *untangle_cosine, *untangle_sine;  // exp(-pi i k / (kFftLanes * points))
};

// The 3x3 convolutions of the face detector from 32 or 64 maps to kFaceTileOut maps are computed by
// Winograd's F(4, 3): a tile makes 4x4 outputs from 6x6 inputs with 36 products instead of 144. Two
// rows of tiles are computed at a time, so that weights that have been loaded are used more often.
inline constexpr int kFaceTileSide = 4, kFaceTilePoints = kFaceTileSide + 2;
inline constexpr int kFaceTileOut = 64;
inline constexpr int kFaceRowsAtOnce = 2 * kFaceTileSide;
inline constexpr int kFaceTilesAtOnce = 4;
// Floats from one tile's products to the next tile's; see kTileStride.
inline constexpr int kFaceTileStride = kFaceTilePoints * kFaceTilePoints * kFaceTileOut + kBlock;

// Tiles in kFaceRowsAtOnce rows of `width` outputs, rounded up to the number computed at a time.
constexpr int face_tiles(int width) {
  const int tiles = 2 * ((width + kFaceTileSide - 1) / kFaceTileSide);
  return (tiles + kFaceTilesAtOnce - 1) / kFaceTilesAtOnce * kFaceTilesAtOnce;
}
// Floats of working memory for these tiles of `in` maps.
constexpr int face_tile_floats(int in, int width) {
  return (width + kFaceTilePoints) * kFaceTilePoints * kBlock +
         face_tiles(width) * (kFaceTilePoints * kFaceTilePoints * in + kFaceTileStride);
}

// A convolution with stride 1 and without a border over float32 maps, [y][x][channel], followed by
// PReLU, which maps a negative sum x to slope * x. A dense layer has `size` 1.
struct Convolution {
  int size;              // side of the filter
  int in, in_stride;     // channels read of each pixel; floats from one pixel to the next
  int out;               // output channels, a multiple of kBlock
  const float* weights;  // [block][ky][kx][in][kBlock]; for tiles [point][in][out]
  const float* bias;     // [out]
  const float* slope;    // [out]
};

// A convolution over the cells of a window: rows of `width` floats, of which the first `inputs` are
// read. `in` is the row in the middle of the first output's taps.
struct CellConvolution {
  const float* in;
  int width, inputs;
  int taps, apart;       // an odd number, and their distance in rows
  const float* weights;  // [tap][all inputs][output], from the first input that is read on
  int all_inputs;        // that the weights have
  int outputs;           // a multiple of 8
};

// The weights that make an output pixel from a row of sums: one sum with a share, `whole` sums with
// weight 1, and two more sums with shares. `whole` is the same for all output pixels, so that the
// processor predicts every branch.
struct ColumnWeights {
  int whole;
  struct {
    int first;
    float shares[3];  // of the first sum and of the last two; a share may be 0
  } pixels[kSide];
};

// The conversion of luma and chroma to [0, 255], as fixed-point numbers in units of
// 2^-kByteFraction; see frame/color.hpp.
inline constexpr int kByteFraction = 16;
struct ByteConversion {
  std::int32_t luma, red_v, green_u, green_v, blue_u, black, middle;
};
// Pixels that are converted at a time: as many bytes as the widest vector.
inline constexpr int kPixelsAtOnce = 64;

struct Kernels {
  const char* name;

  // Bytes of red, green and blue, rounded to the nearest, from bytes of luma and chroma. The bits
  // are the same in every backend.
  void (*to_bytes)(const ByteConversion& conversion,
                   const std::uint8_t (&yuv)[kColors][kPixelsAtOnce],
                   std::uint8_t (&rgb)[kColors][kPixelsAtOnce]);

  // sum[i], for i < count, is the weighted sum of the rows that `rows` covers; `first` is the first
  // covered row. The span has at most kMostParts parts. Buffers need not be aligned.
  void (*sum_rows)(const std::uint8_t* first, std::ptrdiff_t stride, const PixelSpan& rows,
                   int count, float* sum);

  // planes[color][x] = scale * the weighted sum of `sums`, [pixel][color], for output pixel x.
  // The function reads one value beyond each pixel, and the two pixels after the last one. Buffers
  // need not be aligned.
  void (*average)(const float* sums, const ColumnWeights& columns, float scale,
                  float* const* planes);

  // The normalised motion of `count` pairs of pixel values. Buffers need not be aligned.
  void (*motion)(const float* a, const float* b, std::ptrdiff_t count, float* out);

  // The student network: the change of the pulse for a motion, [color][y][x]. `motion` need not be
  // aligned.
  float (*predict_student)(const PackedWeights& weights, const float* motion,
                           StudentScratch& scratch);

  // The teacher network: the change of the pulse for a motion and the appearance of its earlier
  // frame, both [color][y][x]. Neither need be aligned.
  float (*predict_teacher)(const PackedTeacher& weights, const float* motion,
                           const float* appearance, TeacherScratch& scratch);

  // Adds row[k] * real[row] to sums[0][k] and row[k] * imaginary[row] to sums[1][k], for `count`
  // rows and k < kRegionValues. Rows and sums are kRegionRow floats apart; no buffer need be
  // aligned.
  void (*correlate)(const float* rows, int count, const float* real, const float* imaginary,
                    float* sums);

  // Power of the first `bins` <= kFftLanes * points + 1 lines of the spectrum of `pairs` pairs of
  // samples, which are padded with zeros. `real` and `imaginary` are working memory of `points`
  // rows.
  void (*power)(const FftTables& tables, const double* samples, std::size_t pairs, FftRow* real,
                FftRow* imaginary, double* power, std::size_t bins);

  // One row of `width` output pixels from `layer.size` rows of input. Rows need not be aligned.
  void (*convolve)(const Convolution& layer, const float* const* rows, int width, float* out);

  // `height` <= kFaceRowsAtOnce rows of a convolution by tiles. `rows` are the kFaceRowsAtOnce + 2
  // rows of its input; rows beyond the end of the map may hold any finite numbers. `scratch` has
  // face_tile_floats(layer.in, in_width - 2) floats.
  void (*convolve_tiles)(const Convolution& layer, const float* const* rows, int in_width,
                         int height, float* const* out, float* scratch);

  // Adds a convolution to `count` rows of layer.outputs sums. Buffers need not be aligned.
  void (*convolve_cells)(const CellConvolution& layer, int count, float* sums);

  // Max pooling with stride 2: the largest of `size` pixels of each of `count` rows. The last
  // window is cut off at `in_width`. `channels` is a multiple of kBlock.
  void (*pool)(const float* const* rows, int count, int size, int in_width, int channels, int width,
               float* out);
};

extern const Kernels kPortableKernels, kAvx2Kernels, kAvx512Kernels, kAmxKernels, kNeonKernels,
    kWasmKernels;

// Returns the backend called `name`. For "auto", it returns the backend that the environment
// variable RPPG_BACKEND names at the first use; without that variable, it returns the fastest
// float32 backend that this processor runs.
// Throws std::invalid_argument for any other name and lists the backends that are available. If the
// build contains the backend but the processor cannot run it, the message says what is missing.
const Kernels& select_kernels(const char* name);

// Names of the backends that this build contains and this processor runs, ended by nullptr. The
// fastest comes first; backends that "auto" never chooses come last.
const char* const* available_backends();

}  // namespace rppg
