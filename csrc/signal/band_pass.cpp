#include "signal/band_pass.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels/double2.hpp"
#include "signal/elementary.hpp"
#include "signal/spectrum.hpp"

namespace rppg {
namespace {

constexpr double kPi = 3.14159265358979323846;

// Extension of each end in periods of the lower band edge. Over this time the transient of the
// filter decays by a factor of about 300.
constexpr double kPaddedPeriods = 1.0;
constexpr double kShortestStretch = 0.5;  // s
constexpr int kMostChannels = 4;

// The section with poles p and q, zeros at 1 and -1, and gain 1 where a delay by one sample
// multiplies by z.
Section make_section(std::complex<double> p, std::complex<double> q, std::complex<double> z) {
  const double a1 = -(p + q).real(), a2 = (p * q).real();
  const double gain = elementary::abs(elementary::divide(1.0 + a1 * z + a2 * z * z, 1.0 - z * z));
  return {gain, 0.0, -gain, a1, a2};
}

}  // namespace

BandPass::BandPass(double low, double high, double rate, int order) : low_(low), rate_(rate) {
  check_band(low, high, rate);
  if (order < 1 || order > 8)
    throw std::invalid_argument("the filter's order must be from 1 to 8, is " +
                                std::to_string(order));
  // Analogue band edges that the bilinear transform maps to the requested ones.
  const auto warp = [&](double f) {
    const std::complex<double> turn = elementary::unit(kPi * f / rate);
    return 2.0 * rate * turn.imag() / turn.real();
  };
  const double width = warp(high) - warp(low), centre2 = warp(low) * warp(high);
  const auto digital = [&](std::complex<double> s) {
    return elementary::divide(2.0 * rate + s, 2.0 * rate - s);
  };
  // A delay by one sample at the centre, which is mapped to the angle 2 atan(t).
  const double t = std::sqrt(centre2) / (2.0 * rate);
  const std::complex<double> centre = std::complex<double>(1.0 - t * t, -2.0 * t) / (1.0 + t * t);

  // Each pole of the low-pass prototype gives the two roots of s^2 - p width s + centre^2.
  for (int k = 0; k < (order + 1) / 2; ++k) {
    const std::complex<double> prototype =
        elementary::unit(kPi * (2 * k + order + 1) / (2 * order));
    const std::complex<double> half = 0.5 * width * prototype;
    const std::complex<double> root = elementary::sqrt(half * half - centre2);
    const std::complex<double> p = digital(half + root), q = digital(half - root);
    if (2 * k + 1 == order) {
      // The real pole: its two roots form one section.
      sections_.push_back(make_section(p, q, centre));
    } else {
      sections_.push_back(make_section(p, std::conj(p), centre));
      sections_.push_back(make_section(q, std::conj(q), centre));
    }
  }
  states_.resize(sections_.size());
}

double BandPass::gain(double frequency) const {
  const std::complex<double> z = elementary::unit(-2.0 * kPi * frequency / rate_);
  double power = 1.0;
  for (const Section& s : sections_)
    power *= std::norm(s.b0 + s.b1 * z + s.b2 * z * z) / std::norm(1.0 + s.a1 * z + s.a2 * z * z);
  return power;
}

double BandPass::step(double sample) {
  for (std::size_t i = 0; i < sections_.size(); ++i) {
    const Section& section = sections_[i];
    State& state = states_[i];
    const double out = section.b0 * sample + state.s1;
    state.s1 = section.b1 * sample - section.a1 * out + state.s2;
    state.s2 = section.b2 * sample - section.a2 * out;
    sample = out;
  }
  return sample;
}

void BandPass::reset() { std::fill(states_.begin(), states_.end(), State{}); }

ZeroPhase::ZeroPhase(const BandPass& band_pass, std::size_t most)
    : sections_(band_pass.sections()),
      padding_(
          static_cast<std::size_t>(std::ceil(kPaddedPeriods * band_pass.rate() / band_pass.low()))),
      shortest_(
          std::max<std::size_t>(2, static_cast<std::size_t>(kShortestStretch * band_pass.rate()))),
      most_(most) {
  padding_ = std::min(padding_, most);
  work_.resize(2 * kMostChannels * (most + 2 * padding_));
}

namespace {

// Filters samples with one section and writes the result to another array.
//
// In a plain recursion, each output waits for the output before it. Here both sides of the
// recursion are multiplied by 1 - a1 / z + a2 / z^2. Then an output depends on those two and four
// samples before, and two neighbours can be computed at once. The section starts in the state of a
// constant input equal to the first sample, for which its output is 0.
template <int kChannels>
void pass(const Section& s, const double* in, std::size_t count, double* out) {
  const double forward[] = {s.b0, -s.a1 * s.b0, (s.a2 - 1) * s.b0, s.a1 * s.b0, -s.a2 * s.b0};
  const double back2 = s.a1 * s.a1 - 2 * s.a2, back4 = -s.a2 * s.a2;
  const auto last = static_cast<std::ptrdiff_t>(kChannels * count);
  constexpr std::ptrdiff_t kStep = kChannels, kStart = 4 * kStep, kTwo = 2 * kStep;
  for (std::ptrdiff_t i = 0; i < std::min(last, kStart); ++i) {
    double sum = i >= kTwo ? back2 * out[i - kTwo] : 0.0;
    for (int k = 0; k < 5; ++k) sum += forward[k] * in[i >= k * kStep ? i - k * kStep : i % kStep];
    out[i] = sum;
  }
  for (std::ptrdiff_t i = kStart; i < last; ++i)
    out[i] = (forward[0] * in[i] + forward[1] * in[i - kStep]) +
             (forward[2] * in[i - 2 * kStep] + forward[3] * in[i - 3 * kStep]) +
             forward[4] * in[i - 4 * kStep];
  if (last <= kStart) return;
  // The last two outputs and the two before them. They are kept in registers, because reading a
  // value back from memory would wait until it is stored.
  Double2 older[kChannels], newer[kChannels];
  for (int k = 0; k < kChannels; ++k) {
    older[k] = load(out + 2 * k);
    newer[k] = load(out + kTwo + 2 * k);
  }
  std::ptrdiff_t i = kStart;
  for (; i + kTwo <= last; i += kTwo)
    for (int k = 0; k < kChannels; ++k) {
      const Double2 next =
          (load(out + i + 2 * k) + both(back4) * older[k]) + both(back2) * newer[k];
      store(next, out + i + 2 * k);
      older[k] = newer[k];
      newer[k] = next;
    }
  for (; i < last; ++i) out[i] = (out[i] + back4 * out[i - kStart]) + back2 * out[i - kTwo];
}

}  // namespace

template <int kChannels>
void ZeroPhase::filter(double* values, std::size_t count) {
  const std::size_t padding = std::min(padding_, count - 1), total = count + 2 * padding;
  double *work = work_.data(), *other = work + kMostChannels * (most_ + 2 * padding_);
  const auto copy = [&](std::size_t to, std::size_t from) {
    std::copy_n(values + kChannels * from, kChannels, work + kChannels * to);
  };
  for (std::size_t i = 0; i < padding; ++i) {
    copy(i, padding - i);
    copy(padding + count + i, count - 2 - i);
  }
  std::copy_n(values, kChannels * count, work + kChannels * padding);
  // Reversing the array also reverses the order of the channels; the second reversal restores it.
  for (int direction = 0; direction < 2; ++direction) {
    for (const Section& section : sections_) {
      pass<kChannels>(section, work, total, other);
      std::swap(work, other);
    }
    std::reverse(work, work + kChannels * total);
  }
  std::copy_n(work + kChannels * padding, kChannels * count, values);
}

void ZeroPhase::run(double* values, std::size_t count, int channels) {
  if (count > most_)
    throw std::invalid_argument("the filter takes at most " + std::to_string(most_) +
                                " samples, not " + std::to_string(count));
  if (count < 2) {
    std::fill_n(values, count * static_cast<std::size_t>(channels), 0.0);
    return;
  }
  switch (channels) {
    case 1:
      return filter<1>(values, count);
    case 2:
      return filter<2>(values, count);
    case 3:
      return filter<3>(values, count);
    default:
      return filter<4>(values, count);
  }
}

void ZeroPhase::run(double* values, const unsigned char* missing, std::size_t count, int channels) {
  const auto width = static_cast<std::size_t>(channels);
  for (std::size_t begin = 0; begin < count;) {
    const void* const other = std::memchr(missing + begin, !missing[begin], count - begin);
    const std::size_t end =
        other ? static_cast<std::size_t>(static_cast<const unsigned char*>(other) - missing)
              : count;
    if (!missing[begin] && end - begin >= std::min(shortest_, count))
      run(values + width * begin, end - begin, channels);
    else
      std::fill_n(values + width * begin, width * (end - begin), 0.0);
    begin = end;
  }
}

}  // namespace rppg
