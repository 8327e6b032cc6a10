#include "reading/pulse_spectrum.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/double2.hpp"
#include "signal/band_pass.hpp"

namespace rppg {
namespace {

// A heart rate below the band, or a slow movement of the head, causes harmonics inside the band,
// and a heart rate above the band causes aliases. Both are weaker than the line that causes them.
// The ratios were chosen so that no correct reading of the synthetic validation clips was refused;
// tests/package/test_monitor.py contains such heart rates and such light.
constexpr double kOvertoneRatio = 4.0;
constexpr double kAliasRatio = 1.0;
// A line below the band stands out from the frequencies below it. The slow drift of light and
// movement, which every real video has, does not: its power rises towards zero.
constexpr double kLineOverDrift = 2.0;
constexpr double kMainLobe = 2.0;    // half width of a line in a Hann window, in 1 / window length
constexpr double kLineWidth = 0.05;  // Hz to either side
constexpr double kLeastGain = 1e-6;  // below it the filter leaves rounding errors only

}  // namespace

PulseSpectrum::PulseSpectrum(const Kernels& kernels, const PulseOptions& options, double rate,
                             std::size_t most_samples, double highest, double bins_per_hz)
    : rate_(rate),
      low_(options.low),
      high_(options.high),
      highest_(highest),
      spectrum_(kernels, rate, options.low, options.high, most_samples, highest, bins_per_hz),
      undo_(spectrum_.power().size()) {
  const BandPass band_pass(options.low, options.high, rate, options.order);
  for (std::size_t k = 0; k < undo_.size(); ++k) {
    const double gain = band_pass.gain(static_cast<double>(k) * spectrum_.bin_hz());
    undo_[k] =
        1.0 / std::max(gain * gain,
                       kLeastGain);  // the gain is squared, because the filter was applied twice
  }
}

int PulseSpectrum::analyse(const double* filtered, std::size_t count, int most) {
  spectrum_.analyse(filtered, count);
  main_lobe_ = kMainLobe * rate_ / static_cast<double>(count);
  strongest_above_ = strongest(high_ + 2.0 * kLineWidth, highest_);
  return spectrum_.find_peaks(peaks_, most);
}

double PulseSpectrum::strongest(double low, double high) const {
  const auto& power = spectrum_.power();
  const auto bin = [&](double f) { return f / spectrum_.bin_hz(); };
  const auto first = static_cast<std::size_t>(std::ceil(std::max(0.0, bin(low))));
  const auto last = std::min(power.size() - 1, static_cast<std::size_t>(std::max(0.0, bin(high))));
  Double2 most{};
  std::size_t k = first;
  for (; k + 1 <= last; k += 2) most = greater(load(&power[k]) * load(&undo_[k]), most);
  if (k == last) most[0] = std::max(most[0], power[k] * undo_[k]);
  return greatest(most);
}

bool PulseSpectrum::is_harmonic_or_alias(double frequency) const {
  const auto line = [&](double f) { return strongest(f - kLineWidth, f + kLineWidth); };
  const double peak = line(frequency);
  for (const double divisor : {2.0, 3.0}) {
    const double cause = frequency / divisor, below = cause - main_lobe_;
    // In a short window, a line near zero cannot be told from drift.
    if (cause >= low_ || below <= 0) continue;
    const double power = line(cause);
    if (power > kOvertoneRatio * peak && power > kLineOverDrift * line(below)) return true;
  }
  return strongest_above_ > kAliasRatio * peak;
}

}  // namespace rppg
