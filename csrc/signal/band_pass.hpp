// The Butterworth band-pass: streaming, for the live waveform, and forwards and backwards over a
// stretch of samples, for everything that a heart rate is read from.
#pragma once

#include <cstddef>
#include <vector>

namespace rppg {

// A biquad: y = b0 x + b1 x[-1] + b2 x[-2] - a1 y[-1] - a2 y[-2].
struct Section {
  double b0, b1, b2, a1, a2;
};

// Streaming band-pass of 2 * order poles, as second-order sections.
class BandPass {
 public:
  // Throws std::invalid_argument unless 0 < low < high < rate / 2 (Hz) and 1 <= order <= 8.
  BandPass(double low, double high, double rate, int order);

  double step(double sample);
  void reset();
  // Power gain at a frequency (Hz).
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

// The band-pass passed forwards, then backwards, so that it delays nothing: zero phase, and the
// square of its power gain. The samples are continued at both ends by their mirror image, for one
// period of the lower band edge, in which the filter settles: no transient is left.
class ZeroPhase {
 public:
  // Of a filter's sections, for up to `most` samples at once.
  ZeroPhase(const BandPass& band_pass, std::size_t most);

  // Filters `count` <= most samples in place, in `channels` (1 to 4) signals: sample i of channel c
  // is values[channels * i + c]. Allocates nothing.
  void run(double* values, std::size_t count, int channels);

  // The same for stretches of samples between those that are missing (1, others 0), each by itself;
  // missing ones, and stretches that are shorter than half a second, become 0.
  void run(double* values, const unsigned char* missing, std::size_t count, int channels);

  // Samples by which either end is continued, where there are as many.
  std::size_t padding() const { return padding_; }

 private:
  template <int kChannels>
  void filter(double* values, std::size_t count);

  std::vector<Section> sections_;
  std::size_t padding_, shortest_, most_;
  std::vector<double> work_;
};

}  // namespace rppg
