// The window of the last seconds, and the heart rate that it shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "reading/colour_pulse.hpp"
#include "reading/pulse_spectrum.hpp"
#include "reading/reading.hpp"
#include "reading/region_signals.hpp"
#include "signal/band_pass.hpp"
#include "signal/latest.hpp"

namespace rppg {

// What a window takes of every frame: the level of the network's pulse, then what `observe` gives.
inline constexpr int kSignals = 1 + kObserved;

class PulseWindow {
 public:
  // Throws std::invalid_argument for a band or window that makes no sense.
  PulseWindow(const PulseOptions& options, const Kernels& kernels);

  // Forgets everything; the next sample's cell begins at `start` (s).
  void restart(double start, bool after_gap);
  // Whether frames at this rate (Hz) would show a heart at the band's upper edge as a slower one.
  bool is_too_slow(double frame_rate) const;
  // A sample of `kSignals` signals. `missing`: no frame shows it. `too_slow`: it comes from frames
  // that are; as long as it is in the window, that is a gap.
  void push(const double* signals, bool missing, bool too_slow);
  // The reading of the window that ends with the newest sample; it is made once for each sample.
  // Allocates nothing.
  const Reading& read();

  // A peak that a reading chooses from, and what is known of it: to fit `confidence`.
  struct Candidate {
    double frequency;  // Hz
    double snr_db;
    Method source;
    bool highest;  // of its spectrum
    Testimony said;
    double confidence;
  };
  // Empty while there is too little to read.
  std::vector<Candidate> candidates();

  const PulseOptions& options() const { return options_; }
  std::size_t size() const { return size_; }
  // Samples in a full window.
  std::size_t capacity() const { return missing_.rows(); }
  // Copies the newest `count` <= size() samples, oldest first: of the live waveform, which is
  // band-passed as it comes, of the pulse before the filter, or whether they are missing.
  void copy_live(std::size_t count, double* out);
  void copy_unfiltered(std::size_t count, double* out);
  void copy_missing(std::size_t count, unsigned char* out) const;
  // Writes the pulse of the whole window, filtered forwards and backwards: size() samples, 0 where
  // they are missing.
  void filter(double* out);
  // Samples since the last restart, and the time at which the grid began, s.
  std::uint64_t total() const { return total_; }
  double start() const { return start_; }
  // The middle of the cell of sample `index` since the last restart, s.
  double sample_time(std::uint64_t index) const {
    return start_ + (static_cast<double>(index) + 0.5) / options_.rate;
  }

 private:
  // Where a candidate is, before more is known of it.
  struct Place {
    Peak peak;  // of its source's spectrum
    Method source;
    bool highest;
  };
  static constexpr int kMostPlaces = 2 * kMostPeaks;

  bool is_readable() const { return seen_ >= needed_ && since_too_slow_ >= size_; }
  // The pulse of the window, before the filter: size() samples.
  const double* pulse();
  // Makes the pulse and the live waveform of a window of a classical method.
  void extract();
  Reading make_reading();
  // Works out all spectra and where candidates are; returns how many there are.
  int find_places();
  void add_places(const PulseSpectrum& spectrum, int found, Method source);
  // Renews the second opinions, where they are older than a renewal.
  void ask_colours();
  // The spectrum of a source's pulse.
  const PulseSpectrum& spectrum_of(Method source) const;
  // Whether a candidate only echoes a line outside the band.
  bool is_echo(const Place& place) const;
  Testimony testify(const Place& place);
  // The confidence that a candidate is the heart's.
  double weigh(const Place& place);

  PulseOptions options_;
  std::size_t needed_;
  Latest<double> levels_, live_;  // live_: the live waveform of the network
  Latest<double> colours_[kColours];
  Latest<unsigned char> missing_;
  std::size_t size_ = 0, seen_ = 0;
  std::size_t since_too_slow_ = 0;  // samples since the last one from frames that came too slowly
  std::uint64_t total_ = 0, extracted_ = 0;  // extracted_: total_ at `extract`,
  std::uint64_t asked_ = 0;                  // asked_: when second_ was, in renewals
  std::uint64_t read_ = 0;                   // total_ + 1 when reading_ was made
  double start_ = 0;
  bool after_gap_ = false;

  BandPass band_pass_;  // of the live waveform
  ZeroPhase zero_phase_;
  PulseSpectrum spectrum_;
  ColourWindow colour_window_;  // of a classical method
  ColourOpinion second_;
  Witness witness_;
  std::vector<double> colour_pulse_, colour_live_;  // of a classical method
  std::vector<double> filtered_;
  Place places_[kMostPlaces];
  int count_ = 0;
  Reading reading_{};
};

}  // namespace rppg
