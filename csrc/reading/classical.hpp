// The classical methods GREEN, CHROM and POS: from a window of the face's mean color to a pulse.
//
// A color is three arrays of the same number of samples: red, green and blue, in the same unit,
// not negative. The pulse is relative to the color. It rises when the blood volume rises, that is,
// when green falls. A channel that is always black contributes nothing.
#pragma once

#include <cstddef>
#include <vector>

namespace rppg {

constexpr int kChannels = 3;

double channel_mean(const double* samples, std::size_t count);

// The factor that makes a channel with this mean relative to it; 1 if the channel is black.
inline double relative_scale(double mean) { return mean > 0 ? 1.0 / mean : 1.0; }

// The green channel (Verkruysse et al., 2008), relative to its mean.
void green_pulse(const double* const color[kChannels], std::size_t count, double* out);

// CHROM and POS. Both adapt to the light and the skin in overlapping blocks, one block for each
// sample. The computing time depends on the number of samples in a window, not in a block.
class Classical {
 public:
  // Windows have at most `max_samples` samples at `rate` (Hz). Throws std::invalid_argument unless
  // the rate is positive and at most 100 kHz and max_samples is at least 1.
  Classical(double rate, std::size_t max_samples);

  // The plane-orthogonal-to-skin pulse (Wang et al., 2017, algorithm 1), averaged over the blocks.
  // Throws std::invalid_argument unless 1 <= count <= max_samples. Allocates nothing.
  void pos(const double* const color[kChannels], std::size_t count, double* out);

  // The chrominance pulse (de Haan and Jeanne, 2013, equations 11 to 14). `filtered` is the
  // band-passed `color`, in the same unit. Throws as `pos` does. Allocates nothing.
  void chrom(const double* const color[kChannels], const double* const filtered[kChannels],
             std::size_t count, double* out);

 private:
  // Prepares the tables for windows of `count` samples.
  void prepare(std::size_t count);
  // Sets the coefficients before the first and after the last block to 0; rows have `width` values.
  void clear_borders(std::size_t width);

  double rate_;
  std::size_t max_samples_;
  std::size_t count_ = 0, length_ = 0,
              blocks_ = 0;             // samples in a window and in a block; number of blocks
  std::vector<double> signals_;        // rows of the three signals that a method combines, and 1
  std::vector<double> sums_;           // rows of signals and products, then their sums over blocks
  std::vector<double> coefficients_;   // rows of blocks, then their sums over a sample's blocks
  std::vector<double> cosine_, sine_;  // of multiples of the Hann window's angle
  std::size_t period_ = 0;             // multiples after which they repeat
  std::vector<double> flat_, hann_;    // 1 / sum of weights of the blocks that cover a sample
};

}  // namespace rppg
