// The classical methods GREEN, CHROM and POS: a window of the face's mean colour in, a pulse out.
//
// A colour is three arrays of as many samples: red, green and blue, in any one unit, none negative.
// The pulse is relative to the colour, and rises where the blood volume does, that is, where green
// falls. A channel that is black throughout adds nothing.
#pragma once

#include <cstddef>
#include <vector>

namespace rppg {

constexpr int kChannels = 3;

double channel_mean(const double* samples, std::size_t count);

// What a channel of this mean is multiplied by to be relative to it; 1 where it is black.
inline double relative_scale(double mean) { return mean > 0 ? 1.0 / mean : 1.0; }

// The green channel (Verkruysse et al., 2008), relative to its mean.
void green_pulse(const double* const colour[kChannels], std::size_t count, double* out);

// CHROM and POS, which adapt to the light and the skin over blocks that follow each other by one
// sample. Their time grows with the samples in a window and not with those in a block.
class Classical {
 public:
  // Windows have at most `max_samples` samples at `rate` (Hz).
  // Throws std::invalid_argument unless the rate is positive and at most 100 kHz and max_samples
  // is at least 1.
  Classical(double rate, std::size_t max_samples);

  // The plane-orthogonal-to-skin pulse (Wang et al., 2017, algorithm 1), averaged over the blocks.
  // Throws std::invalid_argument unless 1 <= count <= max_samples. Allocates nothing.
  void pos(const double* const colour[kChannels], std::size_t count, double* out);

  // The chrominance pulse (de Haan and Jeanne, 2013, equations 11 to 14). `filtered`: the same
  // samples of colour, in the same unit, band-passed. Throws as `pos` does. Allocates nothing.
  void chrom(const double* const colour[kChannels], const double* const filtered[kChannels],
             std::size_t count, double* out);

 private:
  // Makes ready for windows of `count` samples.
  void prepare(std::size_t count);
  // Writes no coefficients before the first and after the last block, rows of `width` values.
  void clear_borders(std::size_t width);

  double rate_;
  std::size_t max_samples_;
  std::size_t count_ = 0, length_ = 0, blocks_ = 0;  // of samples; of a block; how many blocks
  std::vector<double> signals_;                      // that a method combines: rows of three, and 1
  std::vector<double> sums_;          // rows of signals and products, then their sums over blocks
  std::vector<double> coefficients_;  // rows for the blocks, then their sums over a sample's blocks
  std::vector<double> cosine_, sine_;  // of multiples of the Hann window's angle, which repeat
  std::size_t period_ = 0;             // after so many
  std::vector<double> flat_, hann_;    // weights of the blocks that cover a sample: sum, inverted
};

}  // namespace rppg
