// The pulse that a classical method finds in a window of the face's mean colour.
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

// A window of colours at one rate.
class ColourWindow {
 public:
  // `rate` in Hz; for up to `most` samples, at least 2.
  ColourWindow(const PulseOptions& options, const Kernels& kernels, double rate, std::size_t most);

  // Where the samples of red, green and blue are to be written, and whether they are missing.
  double* colour(int c) { return colours_.data() + static_cast<std::size_t>(c) * most_; }
  unsigned char* missing() { return missing_.data(); }

  // Band-passes `channels` interleaved signals of the window, forwards and backwards, around what
  // is missing from it.
  void band_pass(double* values, std::size_t count, int channels) {
    zero_phase_.run(values, missing_.data(), count, channels);
  }
  // Band-passes the colours of the window of `count` samples, which CHROM and ICA start from.
  void filter(std::size_t count);
  // Writes a method's pulse of the window, not filtered; for CHROM and ICA after `filter`.
  void extract(Method method, std::size_t count, double* pulse);

 private:
  std::size_t most_;
  Classical classical_;
  Ica ica_;
  ZeroPhase zero_phase_;
  std::vector<double> colours_, filtered_, interleaved_;
  std::vector<unsigned char> missing_;
};

// CHROM and POS as second opinions on a window, at a rate that is enough for the heart's band.
class ColourOpinion {
 public:
  ColourOpinion(const PulseOptions& options, const Kernels& kernels, std::size_t window);

  // So many samples of the window are averaged into one.
  std::size_t coarse() const { return coarse_; }
  ColourWindow& window() { return window_; }
  // Works out both pulses and their spectra, of `count` coarse samples.
  void analyse(std::size_t count);

  const PulseSpectrum& chrom() const { return chrom_; }
  const PulseSpectrum& pos() const { return pos_; }
  // How many of the highest peaks of each there are, at most two.
  int chrom_peaks() const { return chrom_peaks_; }
  int pos_peaks() const { return pos_peaks_; }

 private:
  std::size_t coarse_;
  double rate_;
  ColourWindow window_;
  PulseSpectrum chrom_, pos_;
  int chrom_peaks_ = 0, pos_peaks_ = 0;
  std::vector<double> pulses_, one_;
};

}  // namespace rppg
