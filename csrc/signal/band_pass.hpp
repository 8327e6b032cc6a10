// The Butterworth band-pass: a streaming filter for the live waveform, and a zero-phase filter for
// the window that a heart rate is read from.
#pragma once

#include <cstddef>
#include <vector>

namespace rppg {

// A second-order section: y = b0 x + b1 x[-1] + b2 x[-2] - a1 y[-1] - a2 y[-2].
struct Section {
  double b0, b1, b2, a1, a2;
};

// A streaming band-pass with 2 * order poles, as second-order sections.
class BandPass {
 public:
  // Throws std::invalid_argument unless 0 < low < high < rate / 2 (Hz) and 1 <= order <= 8.
  BandPass(double low, double high, double rate, int order);

  double step(double sample);
  void reset();
  // Power gain at a frequency in Hz.
  double gain(double frequency) const;
  const std::vector<Section>& sections() const { return sections_; }
  double low() const { return low_; }
  double rate() const { return rate_; }

 private:
  struct State {
    double s1 = 0, s2 = 0;
  };
  double low_, rate_;
  std::vector<Section> sections_;
  std::vector<State> states_;
};

// The band-pass applied forwards and then backwards: the phase is zero, the signal is not delayed,
// and the power gain is squared. Both ends of the samples are extended by their mirror image for
// one period of the lower band edge; the filter settles there, so that no transient remains.
class ZeroPhase {
 public:
  // Uses the sections of `band_pass`, for up to `most` samples at a time.
  ZeroPhase(const BandPass& band_pass, std::size_t most);

  // Filters `count` <= most samples of `channels` (1 to 4) signals in place: sample i of channel c
  // is values[channels * i + c]. Allocates nothing.
  void run(double* values, std::size_t count, int channels);

  // Filters each stretch of samples between missing ones separately; missing[i] is 1 if sample i is
  // missing, else 0. Missing samples, and stretches shorter than 0.5 s, become 0.
  void run(double* values, const unsigned char* missing, std::size_t count, int channels);

  // Samples by which each end is extended, if the signal is long enough.
  std::size_t padding() const { return padding_; }

 private:
  template <int kChannels>
  void filter(double* values, std::size_t count);

  std::vector<Section> sections_;
  std::size_t padding_, shortest_, most_;
  std::vector<double> work_;
};

}  // namespace rppg
