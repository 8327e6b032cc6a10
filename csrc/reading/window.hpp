// The window of the last seconds and the heart rate in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "reading/color_pulse.hpp"
#include "reading/pulse_spectrum.hpp"
#include "reading/reading.hpp"
#include "reading/region_signals.hpp"
#include "reading/temporal.hpp"
#include "signal/band_pass.hpp"
#include "signal/latest.hpp"

namespace rppg {

// Signals that a window takes from every frame: the network's pulse, then the values of `observe`.
inline constexpr int kSignals = 1 + kObserved;

class PulseWindow {
 public:
  // `temporal` are weights in the place of those of this build. Throws std::invalid_argument if the
  // band, the window or another option is invalid.
  PulseWindow(const PulseOptions& options, const Kernels& kernels,
              std::shared_ptr<const TemporalWeights> temporal = nullptr);

  // Forgets everything. The cell of the next sample begins at `start` (s).
  void restart(double start, bool after_gap);
  // Whether a frame rate (Hz) is so low that a heart rate at the band's upper edge would appear as
  // a lower one.
  bool is_too_slow(double frame_rate) const;
  // Adds a sample of `kSignals` signals. `missing` means that no frame shows it. `too_slow` means
  // that its frames came at a rate for which is_too_slow is true; while such a sample is in the
  // window, the window cannot be read.
  void push(const double* signals, bool missing, bool too_slow);
  // The reading of the window that ends with the newest sample; computed once for each sample.
  // Allocates nothing.
  const Reading& read();

  // A peak that a reading chooses from, with its features, to fit `confidence`.
  struct Candidate {
    double frequency;  // Hz
    double snr_db;
    Method source;
    bool highest;  // whether it is the highest peak of its spectrum
    PeakFeatures features;
    double confidence;
  };
  // Empty while the window cannot be read.
  std::vector<Candidate> candidates();
  // The temporal network's pulse, band-passed, of the cells that it saw last; empty at first.
  const std::vector<double>& temporal_pulse() const { return temporal_.pulse(); }

  const PulseOptions& options() const { return options_; }
  std::size_t size() const { return size_; }
  // Samples in a full window.
  std::size_t capacity() const { return missing_.rows(); }
  // Copy the newest `count` <= size() samples, oldest first: the live waveform from the streaming
  // band-pass; the pulse before the filter; and whether samples are missing.
  void copy_live(std::size_t count, double* out);
  void copy_unfiltered(std::size_t count, double* out);
  void copy_missing(std::size_t count, unsigned char* out) const;
  // Writes the zero-phase filtered pulse of the whole window: size() samples, 0 if they are
  // missing.
  void filter(double* out);
  // Samples since the last restart, and the time at which the grid began, s.
  std::uint64_t total() const { return total_; }
  double start() const { return start_; }
  // The middle of the cell of sample `index` since the last restart, s.
  double sample_time(std::uint64_t index) const {
    return start_ + (static_cast<double>(index) + 0.5) / options_.rate;
  }

 private:
  // A candidate without its features.
  struct SourcePeak {
    Peak peak;  // of its source's spectrum
    Method source;
    bool highest;
  };
  static constexpr int kMostSourcePeaks = 2 * kMostPeaks;

  bool is_readable() const { return seen_ >= needed_ && since_too_slow_ >= size_; }
  // The unfiltered pulse of the window: size() samples.
  const double* pulse();
  // Computes the pulse and the live waveform of the window for a classical method.
  void extract();
  Reading make_reading();
  // Computes all spectra and finds the candidates; returns their number.
  int find_peaks();
  void add_peaks(const PulseSpectrum& spectrum, int found, Method source);
  // The part of the window that a second opinion sees, in cells of `coarse` samples.
  struct CoarsePart {
    std::size_t coarse, count, skip;  // samples in a cell; cells; samples before the first
  };
  // The window ends at the sample where the renewal was due, `since` samples ago, and its beginning
  // leaves room for up to `most` samples since then. The result is thus the same, whichever of
  // these samples asks first.
  CoarsePart coarse_part(std::size_t coarse, std::size_t since, std::size_t most) const;
  // Writes which of the cells have a missing sample.
  void copy_missing(const CoarsePart& part, unsigned char* out) const;
  // Compute the second opinions again if a renewal is due.
  void ask_colors();
  void ask_temporal();
  // The spectrum of a source's pulse.
  const PulseSpectrum& spectrum_of(Method source) const;
  // Whether a candidate is only a harmonic or an alias of a line outside the band.
  bool is_harmonic_or_alias(const SourcePeak& candidate) const;
  PeakFeatures features(const SourcePeak& candidate);
  // The confidence that a candidate is the heart's.
  double peak_confidence(const SourcePeak& candidate);

  PulseOptions options_;
  std::size_t needed_;
  Latest<double> levels_, live_;  // live_: the live waveform of the network
  Latest<double> colors_[kColors];
  Latest<unsigned char> missing_;
  std::size_t size_ = 0, seen_ = 0;
  std::size_t since_too_slow_ = 0;           // samples since the last one from too slow frames
  std::uint64_t total_ = 0, extracted_ = 0;  // extracted_: total_ at the last `extract`
  std::uint64_t asked_ = 0;                  // index of the renewal that computed second_
  std::uint64_t asked_temporal_ = 0;         // 1 + total_ at the one that computed temporal_
  std::uint64_t read_ = 0;                   // total_ + 1 when reading_ was computed
  double start_ = 0;
  bool after_gap_ = false;

  BandPass band_pass_;  // of the live waveform
  ZeroPhase zero_phase_;
  PulseSpectrum spectrum_;
  ColorWindow color_window_;  // of a classical method
  ColorOpinion second_;
  TemporalOpinion temporal_;
  RegionSignals regions_;
  std::vector<double> color_pulse_, color_live_;  // of a classical method
  std::vector<double> filtered_;
  SourcePeak peaks_[kMostSourcePeaks];
  int count_ = 0;
  Reading reading_{};
};

}  // namespace rppg
