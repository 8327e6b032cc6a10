#include "reading/colour_pulse.hpp"

#include <algorithm>

#include "reading/region_signals.hpp"

namespace rppg {
namespace {

// Number of peaks of CHROM and of POS that are examined.
constexpr int kColourPeaks = 2;
// Bins per Hz of their spectra; a line of a window of 10 s is about 24 bins wide.
constexpr double kColourBins = 60.0;

}  // namespace

ColourWindow::ColourWindow(const PulseOptions& options, const Kernels& kernels, double rate,
                           std::size_t most)
    : most_(most),
      classical_(rate, most),
      ica_(kernels, rate, options.low, options.high, most),
      zero_phase_(BandPass(options.low, options.high, rate, options.order), most),
      colours_(kColours * most),
      filtered_(kColours * most),
      interleaved_(kColours * most),
      missing_(most) {}

void ColourWindow::filter(std::size_t count) {
  // Filtering all three channels together takes hardly longer than one, because each sample of a
  // channel waits for the sample before.
  for (int c = 0; c < kColours; ++c)
    for (std::size_t i = 0; i < count; ++i)
      interleaved_[kColours * i + static_cast<std::size_t>(c)] = colour(c)[i];
  band_pass(interleaved_.data(), count, kColours);
  for (int c = 0; c < kColours; ++c)
    for (std::size_t i = 0; i < count; ++i)
      filtered_[static_cast<std::size_t>(c) * most_ + i] =
          interleaved_[kColours * i + static_cast<std::size_t>(c)];
}

void ColourWindow::extract(Method method, std::size_t count, double* pulse) {
  const double* const colours[] = {colour(0), colour(1), colour(2)};
  const double* const filtered[] = {filtered_.data(), filtered_.data() + most_,
                                    filtered_.data() + 2 * most_};
  switch (method) {
    case Method::green:
      return green_pulse(colours, count, pulse);
    case Method::ica:
      return ica_.pulse(colours, filtered, count, pulse);
    case Method::chrom:
      return classical_.chrom(colours, filtered, count, pulse);
    default:
      return classical_.pos(colours, count, pulse);
  }
}

ColourOpinion::ColourOpinion(const PulseOptions& options, const Kernels& kernels,
                             std::size_t window)
    : coarse_(coarseness(options.rate, options.high, window)),
      rate_(options.rate / static_cast<double>(coarse_)),
      window_(options, kernels, rate_, window / coarse_),
      chrom_(kernels, options, rate_, window / coarse_, options.high, kColourBins),
      pos_(chrom_),
      pulses_(2 * (window / coarse_)),
      one_(window / coarse_) {}

void ColourOpinion::analyse(std::size_t count) {
  window_.filter(count);
  window_.extract(Method::chrom, count, one_.data());
  for (std::size_t i = 0; i < count; ++i) pulses_[2 * i] = one_[i];
  window_.extract(Method::pos, count, one_.data());
  for (std::size_t i = 0; i < count; ++i) pulses_[2 * i + 1] = one_[i];
  window_.band_pass(pulses_.data(), count, 2);
  for (std::size_t i = 0; i < count; ++i) one_[i] = pulses_[2 * i];
  chrom_peaks_ = chrom_.analyse(one_.data(), count, kColourPeaks);
  for (std::size_t i = 0; i < count; ++i) one_[i] = pulses_[2 * i + 1];
  pos_peaks_ = pos_.analyse(one_.data(), count, kColourPeaks);
}

}  // namespace rppg
