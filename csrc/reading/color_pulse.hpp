// The pulse that a classical method finds in a window of the face's mean color.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/shape.hpp"
#include "reading/classical.hpp"
#include "reading/ica.hpp"
#include "reading/pulse_spectrum.hpp"
#include "reading/reading.hpp"
#include "signal/band_pass.hpp"

namespace rppg {

// A window of mean colors at one sampling rate.
class ColorWindow {
 public:
  // `rate` is in Hz; the window has at most `most` samples, and `most` is at least 2.
  ColorWindow(const PulseOptions& options, const Kernels& kernels, double rate, std::size_t most);

  // Arrays that the caller fills: the samples of red, green and blue, and a 1 for each missing
  // sample.
  double* color(int c) { return colors_.data() + static_cast<std::size_t>(c) * most_; }
  unsigned char* missing() { return missing_.data(); }

  // Band-passes `channels` interleaved signals of the window with zero phase, separately in each
  // stretch between missing samples.
  void band_pass(double* values, std::size_t count, int channels) {
    zero_phase_.run(values, missing_.data(), count, channels);
  }
  // Band-passes the colors of the window's `count` samples; CHROM and ICA start from the result.
  void filter(std::size_t count);
  // Writes a method's pulse of the window, not filtered. For CHROM and ICA, call `filter` first.
  void extract(Method method, std::size_t count, double* pulse);

 private:
  std::size_t most_;
  Classical classical_;
  Ica ica_;
  ZeroPhase zero_phase_;
  std::vector<double> colors_, filtered_, interleaved_;
  std::vector<unsigned char> missing_;
};

// CHROM and POS as second opinions on a window, at a reduced rate that is sufficient for the
// heart's band.
class ColorOpinion {
 public:
  ColorOpinion(const PulseOptions& options, const Kernels& kernels, std::size_t window);

  // Number of samples of the window that are averaged into one coarse sample.
  std::size_t coarse() const { return coarse_; }
  ColorWindow& window() { return window_; }
  // Computes both pulses and their spectra from `count` coarse samples.
  void analyse(std::size_t count);

  const PulseSpectrum& chrom() const { return chrom_; }
  const PulseSpectrum& pos() const { return pos_; }
  // How many of the highest peaks each method has, at most two.
  int chrom_peaks() const { return chrom_peaks_; }
  int pos_peaks() const { return pos_peaks_; }

 private:
  std::size_t coarse_;
  double rate_;
  ColorWindow window_;
  PulseSpectrum chrom_, pos_;
  int chrom_peaks_ = 0, pos_peaks_ = 0;
  std::vector<double> pulses_, one_;
};

}  // namespace rppg
