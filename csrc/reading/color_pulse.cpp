#include "reading/color_pulse.hpp"

#include <algorithm>

#include "reading/region_signals.hpp"

namespace rppg {
namespace {

// Number of peaks of CHROM and of POS that are examined.
constexpr int kColorPeaks = 2;
// Bins per Hz of their spectra; a line of a window of 10 s is about 24 bins wide.
constexpr double kColorBins = 60.0;

}  // namespace

ColorWindow::ColorWindow(const PulseOptions& options, const Kernels& kernels, double rate,
                         std::size_t most)
    : most_(most),
      classical_(rate, most),
      ica_(kernels, rate, options.low, options.high, most),
      zero_phase_(BandPass(options.low, options.high, rate, options.order), most),
      colors_(kColors * most),
      filtered_(kColors * most),
      interleaved_(kColors * most),
      missing_(most) {}

void ColorWindow::filter(std::size_t count) {
  // Filtering all three channels together takes hardly longer than one, because each sample of a
  // channel waits for the sample before.
  for (int c = 0; c < kColors; ++c)
    for (std::size_t i = 0; i < count; ++i)
      interleaved_[kColors * i + static_cast<std::size_t>(c)] = color(c)[i];
  band_pass(interleaved_.data(), count, kColors);
  for (int c = 0; c < kColors; ++c)
    for (std::size_t i = 0; i < count; ++i)
      filtered_[static_cast<std::size_t>(c) * most_ + i] =
          interleaved_[kColors * i + static_cast<std::size_t>(c)];
}

void ColorWindow::extract(Method method, std::size_t count, double* pulse) {
  const double* const colors[] = {color(0), color(1), color(2)};
  const double* const filtered[] = {filtered_.data(), filtered_.data() + most_,
                                    filtered_.data() + 2 * most_};
  switch (method) {
    case Method::green:
      return green_pulse(colors, count, pulse);
    case Method::ica:
      return ica_.pulse(colors, filtered, count, pulse);
    case Method::chrom:
      return classical_.chrom(colors, filtered, count, pulse);
    default:
      return classical_.pos(colors, count, pulse);
  }
}

ColorOpinion::ColorOpinion(const PulseOptions& options, const Kernels& kernels, std::size_t window)
    : coarse_(coarseness(options.rate, options.high, window)),
      rate_(options.rate / static_cast<double>(coarse_)),
      window_(options, kernels, rate_, window / coarse_),
      chrom_(kernels, options, rate_, window / coarse_, options.high, kColorBins),
      pos_(chrom_),
      pulses_(2 * (window / coarse_)),
      one_(window / coarse_) {}

void ColorOpinion::analyse(std::size_t count) {
  window_.filter(count);
  window_.extract(Method::chrom, count, one_.data());
  for (std::size_t i = 0; i < count; ++i) pulses_[2 * i] = one_[i];
  window_.extract(Method::pos, count, one_.data());
  for (std::size_t i = 0; i < count; ++i) pulses_[2 * i + 1] = one_[i];
  window_.band_pass(pulses_.data(), count, 2);
  for (std::size_t i = 0; i < count; ++i) one_[i] = pulses_[2 * i];
  chrom_peaks_ = chrom_.analyse(one_.data(), count, kColorPeaks);
  for (std::size_t i = 0; i < count; ++i) one_[i] = pulses_[2 * i + 1];
  pos_peaks_ = pos_.analyse(one_.data(), count, kColorPeaks);
}

}  // namespace rppg
