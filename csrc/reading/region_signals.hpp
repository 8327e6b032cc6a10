// A second look at the box: how bright and how red its parts were while the pulse was read.
//
// A pulse colours all skin at once and green more than red. A lamp also lights what lies around the
// face, and red as much as green; movement brightens one edge while it darkens another. What a
// rhythm looks like on this map tells which of the three it is.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "kernels/contract.hpp"
#include "signal/latest.hpp"
#include "signal/spectrum.hpp"

namespace rppg {

// The middle two thirds of the box, where the face is, in 4x4 blocks; and the rim as one more.
constexpr int kFaceBlocks = 16;
constexpr int kPlaces = kFaceBlocks + 1;
// Brightness (log of green) of every place, then colour (log of green over red).
constexpr int kWitnesses = 2 * kPlaces;

// What is taken of an appearance: the face's mean red, green and blue, then all witnesses.
inline constexpr int kObserved = kColours + kWitnesses;

// Writes what is taken of an appearance, `kObserved` values. The mean colours are those of the
// middle two thirds of the box, in [0, 1].
void observe(const float* appearance, double* observed);

// Samples at `rate` (Hz) that are added up into one where the band below `high` (Hz) is enough; of
// `samples` so many are left that they have a spectrum.
std::size_t coarseness(double rate, double high, std::size_t samples);

// An SNR (dB) within -30 and 30; where nothing beats, nothing is above noise.
double bounded_snr(double snr_db);

// What the map says of a rhythm: the input of `confidence`, in this order.
struct Testimony {
  enum Item {
    snr,     // of the pulse, dB
    height,  // as of `Peak`
    clearance,
    rival,
    frequency,         // Hz
    brightness,        // amplitude in the face, log10
    colour,            // likewise
    brightness_agree,  // of the blocks with each other: 1 where all beat together
    colour_agree,
    colour_share,       // colour over brightness, where both beat together
    rim_brightness,     // amplitude of the rim over the face's, log10
    rim_colour,         // likewise
    rim_together,       // the rim's brightness over the face's, where both beat together
    brightness_follow,  // 1 where the face darkens as the pulse rises
    colour_follow,
    rim_follow,
    brightness_spread,  // of the blocks around their mean, over it, log10
    colour_spread,
    colour_median,  // amplitude with which blocks flush as the pulse rises, log10
    colour_quartile,
    face_snr,  // of the face's brightness, dB
    rim_snr,
    double_line,  // power of the face's brightness at multiples of the frequency over that at it
    triple_line,
    half_line,
    double_beat,  // likewise of the pulse
    triple_beat,
    half_beat,
    coverage,      // time that was seen over that of the default window, at most 1
    chrom_snr,     // of CHROM's pulse at the frequency, dB
    chrom_height,  // as of `Peak`
    pos_snr,       // likewise of POS
    pos_height,
    kCount
  };
  std::array<double, kCount> items;
};

// The last seconds of all witnesses, on the grid of the pulse.
class Witness {
 public:
  // `rate` and the band in Hz.
  Witness(const Kernels& kernels, double rate, double low, double high, std::size_t samples);

  void restart();
  void push(const double* witnesses);

  // Looks at the newest `count` samples, as many as have been pushed or fewer, and at the pulse of
  // the same time, which stays where it is until the next look; `hann` is the window of so many
  // samples. What it takes is done with the first peak that is asked for.
  void look(const double* pulse, const double* hann, std::size_t count);
  // What they say of a peak in the pulse's spectrum; from `coverage` on the items are left at 0.
  // Allocates nothing.
  Testimony testify(const Peak& peak);

 private:
  // The face's mean brightness stands behind the witnesses in a row of the ring.
  static constexpr int kFace = kWitnesses;
  static_assert(kFace < kWitnessValues, "a row holds them");

  // Works out what all peaks of a window share.
  void prepare();

  const Kernels& kernels_;
  double rate_;
  std::size_t coarse_, count_ = 0;
  const double *seen_pulse_ = nullptr, *seen_hann_ = nullptr;
  bool prepared_ = false;
  // The first witnesses since the restart, and what later ones differ from them, so that floats do.
  bool started_ = false;
  double start_[kWitnesses] = {};
  Latest<float> rows_;
  float means_[kWitnessRow] = {};  // of what is looked at
  // Of the samples that are looked at, then zeros up to whole vectors: the window, what it leaves
  // of the pulse and of the face's brightness, and its product with the rhythm, in two parts. The
  // rim's brightness as it is.
  std::vector<float> hann_, pulse_, face_, real_, imaginary_, rim_;
  std::size_t hann_count_ = 0;
  std::vector<double> few_;  // sums of `coarse_` samples each
  Spectrum face_spectrum_, rim_spectrum_;
};

}  // namespace rppg
