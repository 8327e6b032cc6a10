// The temporal network: the pulse of a whole window, from the signals of all its parts.
//
// The student sees one step between two frames. This network sees seconds: the student's pulse and
// the color of the face, of its blocks and of the rim around it. It decides at each time which
// regions show the pulse, and what in them moves without it. Its definition is
// training/models/temporal.py.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "reading/pulse_spectrum.hpp"
#include "reading/reading.hpp"
#include "reading/region_signals.hpp"
#include "signal/band_pass.hpp"

namespace rppg {

// The signals of a cell: the student's level, the logarithms of the face's red, green and blue, and
// the region signals.
inline constexpr int kCellSignals = 1 + kColors + kRegionSignals;

using TemporalWeights = std::vector<float>;

// Runs the network.
class TemporalNetwork {
 public:
  static constexpr int kDepth = 8;  // channels of a region

  // For at most `most` cells. `weights` are those that training/train/temporal.py writes; nullptr
  // means the weights of this build. Throws std::invalid_argument if their number is wrong.
  TemporalNetwork(const Kernels& kernels, std::shared_ptr<const TemporalWeights> weights,
                  std::size_t most);

  // The signals of cell `i`, which the caller fills: band-passed at 10 cells a second.
  float* cell(std::size_t i) { return cells_.data() + i * kCellSignals; }
  // Computes the pulse of `count` cells; it is zero where nothing changes. Allocates nothing.
  void run(std::size_t count, float* pulse);

 private:
  // Computes the response to the cells.
  void respond(std::size_t count, float* pulse);
  // The channels of a region in all cells.
  float* channels(int region) {
    return channels_.data() + static_cast<std::size_t>(region) * (channels_.size() / kPlaces);
  }
  // Divides by the usual size of a change, so that large ones do not count more.
  void compress(std::size_t count);
  // Computes the channels of all regions, and what each of them is worth.
  void weigh_regions(std::size_t count);
  // Averages the regions by their share of the worth around each time.
  void share_regions(std::size_t count);

  const Kernels& kernels_;
  std::shared_ptr<const TemporalWeights> kept_;
  const float* weights_;
  std::vector<float> cells_;
  std::vector<float> still_, rest_;  // cells in which nothing changes, and the response to them
  std::size_t rest_count_ = 0;
  // With zeros before and after, as far as a convolution reaches: the level and the colors; the
  // brightness and color of each region; the channels of each region; and those of the face.
  std::vector<float> whole_, regions_, shared_, found_, channels_, face_in_, face_, change_;
  std::vector<float> score_, level_;
};

// The network's pulse as an opinion on a window, at a reduced rate.
class TemporalOpinion {
 public:
  TemporalOpinion(const PulseOptions& options, const Kernels& kernels,
                  std::shared_ptr<const TemporalWeights> weights, std::size_t window);

  // Whether the network can read the window: it learned from 8.5 to 11.8 cells a second, and does
  // not see frequencies above 4.2 Hz.
  bool is_able() const { return able_; }
  // Number of samples of the window that are averaged into one cell.
  std::size_t coarse() const { return coarse_; }
  // The signals of cell `i` before the filter, which the caller fills, and a 1 for each missing
  // cell.
  double* cell(std::size_t i) { return cells_.data() + i * kCellSignals; }
  unsigned char* missing() { return missing_.data(); }
  // Computes pulse and spectrum from `count` cells. Allocates nothing.
  void analyse(std::size_t count);
  // There is no opinion until the next `analyse`.
  void forget();

  const PulseSpectrum& spectrum() const { return spectrum_; }
  // How many of the highest peaks it has, at most two; 0 without an opinion.
  int peaks() const { return peaks_; }
  // Describes a frequency (Hz); without an opinion, nothing is known of it.
  Peak examine(double frequency) const;
  // The pulse of the cells that were analysed last, band-passed.
  const std::vector<double>& pulse() const { return pulse_; }

 private:
  std::size_t coarse_;
  double rate_;  // cells a second, Hz
  bool able_, known_ = false;
  TemporalNetwork network_;
  ZeroPhase in_, out_;
  PulseSpectrum spectrum_;
  int peaks_ = 0;
  std::vector<double> cells_, group_, pulse_;
  std::vector<float> found_;
  std::vector<unsigned char> missing_;
};

}  // namespace rppg
