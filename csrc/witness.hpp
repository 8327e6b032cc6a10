// A second look at the box: how bright and how red its parts were while the pulse was read.
//
// A pulse colours all skin at once and green more than red. A lamp also lights what lies around the
// face, and red as much as green; movement brightens one edge while it darkens another. What a
// rhythm looks like on this map tells which of the three it is.
#pragma once

#include <algorithm>
#include <array>
#include <complex>
#include <cstddef>
#include <vector>

#include "kernels/kernels.hpp"

namespace rppg {

// The middle two thirds of the box, where the face is, in 4x4 blocks; and the rim as one more.
constexpr int kFaceBlocks = 16;
constexpr int kPlaces = kFaceBlocks + 1;
// Brightness (log of green) of every place, then colour (log of green over red).
constexpr int kWitnesses = 2 * kPlaces;

// Writes the brightness and colour of every place of an appearance.
void observe(const float* appearance, double* witnesses);

// What the map says of a rhythm: the input of `confidence`, in this order.
struct Testimony {
  enum Item {
    snr,               // of the pulse, dB
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
    double_line,  // power of the face's brightness at multiples of the frequency over that at it
    triple_line,
    half_line,
    kCount
  };
  std::array<double, kCount> items;
};

// The last seconds of all witnesses, on the grid of the pulse.
class Witness {
 public:
  Witness(double rate, std::size_t samples);

  void restart();
  void push(const double* witnesses);

  // Looks at the newest `count` samples, as many as have been pushed or fewer. Allocates nothing.
  void look(std::size_t count);
  // What they say of a rhythm at `frequency` (Hz) in the pulse of the same `count` samples.
  Testimony testify(double frequency, double snr_db, const double* pulse) const;

 private:
  // A sample in the ring: all witnesses, the face's mean brightness, and filling for the vectors.
  static constexpr int kFace = kWitnesses, kColumns = kWitnesses + 2;

  // Calls use(sample) for the looked-at samples, oldest first.
  template <typename Use>
  void for_each(Use&& use) const {
    const std::size_t until_wrap = std::min(count_, samples_ - first_);
    const float* const first = &rows_[first_ * kColumns];
    for (std::size_t i = 0; i < until_wrap; ++i) use(first + i * kColumns);
    for (std::size_t i = 0; i < count_ - until_wrap; ++i) use(&rows_[i * kColumns]);
  }

  double rate_;
  std::size_t samples_, head_ = 0, first_ = 0, count_ = 0;
  std::vector<float> rows_;
  float mean_[kColumns] = {};
};

}  // namespace rppg
