// The brightness and color of parts of the box over time, as evidence for or against a peak.
//
// A pulse changes the color of all skin at once, and green more than red. A lamp also lights the
// surroundings of the face, and changes red as much as green. Movement brightens one edge while it
// darkens another. The spatial pattern of a rhythm therefore shows which of the three causes it.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "kernels/contract.hpp"
#include "signal/latest.hpp"
#include "signal/spectrum.hpp"

namespace rppg {

// The middle two thirds of the box, where the face is, in 4x4 blocks; the rim is one more region.
constexpr int kFaceBlocks = 16;
constexpr int kPlaces = kFaceBlocks + 1;
// Brightness (log of green) of every region, then its color (log of green over red).
constexpr int kRegionSignals = 2 * kPlaces;

// Values observed in an appearance: the face's mean red, green and blue, then all region signals.
inline constexpr int kObserved = kColors + kRegionSignals;

// Writes the `kObserved` values of an appearance. The mean colors are those of the middle two
// thirds of the box, in [0, 1].
void observe(const float* appearance, double* observed);

// The number of samples at `rate` (Hz) that can be summed into one without losing the band below
// `high` (Hz). It is limited, so that enough of `samples` samples remain for a spectrum.
std::size_t coarseness(double rate, double high, std::size_t samples);

// An SNR clamped to [-30, 30] dB; NaN (no peak) becomes -30.
double bounded_snr(double snr_db);

// The features of a peak: the input of `confidence`, in this order.
struct PeakFeatures {
  enum Item {
    snr,     // of the pulse, dB
    height,  // as in `Peak`
    peak_to_median,
    second_peak_ratio,
    frequency,         // Hz
    brightness,        // amplitude in the face, log10
    color,             // amplitude in the face, log10
    brightness_agree,  // agreement of the blocks' phases: 1 if all blocks change together
    color_agree,
    color_share,        // color relative to brightness, the part in phase with it
    rim_brightness,     // amplitude of the rim relative to the face, log10
    rim_color,          // amplitude of the rim relative to the face, log10
    rim_together,       // rim's brightness relative to the face's, the part in phase
    brightness_follow,  // 1 if the face darkens when the pulse rises
    color_follow,
    rim_follow,
    brightness_spread,  // deviation of the blocks relative to their mean, log10
    color_spread,
    color_median,  // amplitude of the blocks' color in phase with the pulse, log10
    color_quartile,
    face_snr,  // of the face's brightness, dB
    rim_snr,
    double_line,  // power of the face's brightness at a multiple of the frequency, relative to the
                  // power at the frequency, log10
    triple_line,
    half_line,
    double_beat,  // the same for the pulse
    triple_beat,
    half_beat,
    coverage,      // time covered by frames relative to the default window, at most 1
    chrom_snr,     // of CHROM's pulse at the frequency, dB
    chrom_height,  // as in `Peak`
    pos_snr,       // the same for POS
    pos_height,
    temporal_snr,  // of the temporal network's pulse at the frequency, dB
    temporal_height,
    kCount
  };
  std::array<double, kCount> items;
};

// The region signals of the last seconds, on the grid of the pulse.
class RegionSignals {
 public:
  // `rate` and the band (`low`, `high`) are in Hz.
  RegionSignals(const Kernels& kernels, double rate, double low, double high, std::size_t samples);

  void restart();
  void push(const double* region_signals);

  // The newest `count` samples, oldest first: rows of `kRegionRow` values, of which the first
  // `kRegionSignals` are the differences from the first sample since the restart.
  const float* newest(std::size_t count) const { return rows_.newest(count); }

  // Selects the newest `count` samples for `features`; that many must have been pushed. `pulse`
  // contains the pulse of the same samples, and `hann` the Hann window of that length; both must
  // stay valid until the next call. The computation is done when the features of the first peak are
  // requested.
  void look(const double* pulse, const double* hann, std::size_t count);
  // The features of a peak in the pulse's spectrum; the items from `coverage` on are set to 0.
  // Allocates nothing.
  PeakFeatures features(const Peak& peak);

 private:
  // Index of the face's mean brightness in a row of the ring buffer, behind the region signals.
  static constexpr int kFace = kRegionSignals;
  static_assert(kFace < kRegionValues, "a row holds them");

  // Computes what all peaks of a window share.
  void prepare();

  const Kernels& kernels_;
  double rate_;
  std::size_t coarse_, count_ = 0;
  const double *seen_pulse_ = nullptr, *seen_hann_ = nullptr;
  bool prepared_ = false;
  // The first region signals since the restart. Rows contain the differences from these, for which
  // float precision is sufficient.
  bool started_ = false;
  double start_[kRegionSignals] = {};
  Latest<float> rows_;
  float means_[kRegionRow] = {};  // of the selected samples
  // For the selected samples, padded with zeros to whole vectors: the Hann window, the pulse and
  // the face's brightness times that window, and the window times the oscillation at a peak's
  // frequency, as real and imaginary parts. rim_ is the rim's brightness without the window.
  std::vector<float> hann_, pulse_, face_, real_, imaginary_, rim_;
  std::size_t hann_count_ = 0;
  std::vector<double> few_;  // sums of `coarse_` samples each
  Spectrum face_spectrum_, rim_spectrum_;
};

}  // namespace rppg
