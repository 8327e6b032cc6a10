#include "reading/region_signals.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numeric>

#include "kernels/float4.hpp"

namespace rppg {
namespace {

using Complex = std::complex<double>;

constexpr double kPi = 3.14159265358979323846;

constexpr int kMargin = kSide / 6;                     // of the rim, pixels
constexpr int kBlockSide = (kSide - 2 * kMargin) / 4;  // side of a block
constexpr double kDarkest = 1.0 / 255.0;  // one grey level: below it there is no colour
constexpr int kPlane = kSide * kSide;

static_assert(4 * kBlockSide + 2 * kMargin == kSide, "blocks fill the middle");

// Floors of amplitudes and ratios, far below what a camera shows: where nothing beats, nothing is
// divided by.
constexpr double kLeast = 1e-6, kLeastRatio = 1e-3, kLeastLine = 1e-4;
constexpr double kTiny = 1e-12;
constexpr double kLeastSnr = -30.0, kMostSnr = 30.0;  // dB

constexpr double kCoarseBins = 30.0;  // to a Hz: lines are 0.2 Hz wide
constexpr double kCoarseRate = 3.0;   // at least so many times the band's upper edge

// Four complex numbers; products leave out std::complex's care for infinities.
struct Complexes {
  Floats real, imaginary;

  friend Complexes operator*(Complexes a, Complexes b) {
    return {a.real * b.real - a.imaginary * b.imaginary,
            a.real * b.imaginary + a.imaginary * b.real};
  }
  friend Complexes operator*(Floats a, Complexes b) { return {a * b.real, a * b.imaginary}; }
  void operator+=(Complexes a) {
    real += a.real;
    imaginary += a.imaginary;
  }
  Complex sum() const { return {total(real), total(imaginary)}; }
};

Complexes all(Complex z) {
  const auto real = static_cast<float>(z.real()), imaginary = static_cast<float>(z.imag());
  return {Floats{real, real, real, real}, Floats{imaginary, imaginary, imaginary, imaginary}};
}

// z^0 to z^3.
Complexes powers(Complex z) {
  Complexes out = all(1.0);
  Complex power = 1.0;
  for (int i = 1; i < kFloats; ++i) {
    power *= z;
    out.real[i] = static_cast<float>(power.real());
    out.imaginary[i] = static_cast<float>(power.imag());
  }
  return out;
}

double share(Complex part, Complex whole) {
  return std::clamp((part / (whole + kTiny)).real(), -2.0, 2.0);
}

// Without std::abs's care for overflow.
double length(Complex z) { return std::sqrt(std::norm(z)); }

// The part of a vector that falls as the pulse rises; `pulse` is of length 1.
double falling(Complex z, Complex pulse) {
  return -(z.real() * pulse.real() + z.imag() * pulse.imag());
}

// 1 where all blocks beat together, near 0 where each has a phase of its own.
double agreement(const Complex* blocks, Complex sum) {
  double lengths = 0;
  for (int k = 0; k < kFaceBlocks; ++k) lengths += length(blocks[k]);
  return length(sum) / (lengths + kTiny);
}

// How far the blocks are from their mean.
double spread(const Complex* blocks, Complex mean) {
  double squares = 0;
  for (int k = 0; k < kFaceBlocks; ++k) squares += std::norm(blocks[k] - mean);
  return std::sqrt(squares / kFaceBlocks);
}

double line(Complex multiple, Complex at) {
  return std::log10(std::norm(multiple) / (std::norm(at) + kTiny * kLeastRatio) + kLeastLine);
}

void add_pixels(const float* plane, double* sums) {
  constexpr int kBlocks = kSide / kBlockSide;
  const auto inside = [](int block) { return block >= 1 && block <= 4; };
  for (int down = 0; down < kBlocks; ++down) {
    float columns[kSide] = {};
    for (int y = down * kBlockSide; y < (down + 1) * kBlockSide; ++y)
      for (int x = 0; x < kSide; ++x) columns[x] += plane[y * kSide + x];
    for (int across = 0; across < kBlocks; ++across) {
      const bool face = inside(down) && inside(across);
      double& sum = sums[face ? 4 * (down - 1) + across - 1 : kFaceBlocks];
      for (int x = 0; x < kBlockSide; ++x)
        sum += static_cast<double>(columns[across * kBlockSide + x]);
    }
  }
}

}  // namespace

std::size_t coarseness(double rate, double high, std::size_t samples) {
  const auto most = std::min(rate / (kCoarseRate * high), static_cast<double>(samples / 8));
  return std::max<std::size_t>(1, static_cast<std::size_t>(most));
}

double bounded_snr(double snr_db) {
  return std::isnan(snr_db) ? kLeastSnr : std::clamp(snr_db, kLeastSnr, kMostSnr);
}

void observe(const float* appearance, double* observed) {
  constexpr double kRimPixels = kPlane - kFaceBlocks * kBlockSide * kBlockSide;
  constexpr double kFacePixels = kPlane - kRimPixels;
  double sums[kColours][kPlaces] = {};
  for (int c = 0; c < kColours; ++c) {
    add_pixels(appearance + c * kPlane, sums[c]);
    observed[c] = std::accumulate(sums[c], sums[c] + kFaceBlocks, 0.0) / kFacePixels;
  }
  const double *const red = sums[0], *const green = sums[1];
  double* const witnesses = observed + kColours;
  for (int k = 0; k < kPlaces; ++k) {
    const double pixels = k < kFaceBlocks ? kBlockSide * kBlockSide : kRimPixels;
    const double brightness = std::log(std::max(green[k] / pixels, kDarkest));
    witnesses[k] = brightness;
    witnesses[kPlaces + k] = brightness - std::log(std::max(red[k] / pixels, kDarkest));
  }
}

Witness::Witness(const Kernels& kernels, double rate, double low, double high, std::size_t samples)
    : kernels_(kernels),
      rate_(rate),
      coarse_(coarseness(rate, high, samples)),
      rows_(samples, kWitnessRow),
      few_(samples / coarse_),
      face_spectrum_(kernels, rate / static_cast<double>(coarse_), low, high, samples / coarse_,
                     high, kCoarseBins),
      rim_spectrum_(face_spectrum_) {
  for (auto* each : {&hann_, &pulse_, &face_, &rim_, &real_, &imaginary_})
    each->resize(samples + kFloats);
}

void Witness::restart() { started_ = false; }

void Witness::push(const double* witnesses) {
  if (!started_) std::copy_n(witnesses, kWitnesses, start_);
  started_ = true;
  float row[kWitnessRow] = {};
  float face = 0;
  for (int k = 0; k < kWitnesses; ++k) row[k] = static_cast<float>(witnesses[k] - start_[k]);
  for (int k = 0; k < kFaceBlocks; ++k) face += row[k];
  row[kFace] = face / kFaceBlocks;
  rows_.push(row);
}

void Witness::look(const double* pulse, const double* hann, std::size_t count) {
  seen_pulse_ = pulse;
  seen_hann_ = hann;
  count_ = count;
  prepared_ = false;
}

void Witness::prepare() {
  if (prepared_) return;
  prepared_ = true;
  const std::size_t count = count_;
  if (count != hann_count_) {
    hann_count_ = count;
    for (auto* each : {&hann_, &pulse_, &face_}) std::fill(each->begin(), each->end(), 0.0f);
    for (std::size_t i = 0; i < count; ++i) hann_[i] = static_cast<float>(seen_hann_[i]);
  }
  Floats sums[kWitnessValues / kFloats] = {};
  const float* row = rows_.newest(count);
  for (std::size_t i = 0; i < count; ++i, row += kWitnessRow) {
    for (int k = 0; k < kWitnessValues / kFloats; ++k) sums[k] += load(row + k * kFloats);
    face_[i] = row[kFace];
    rim_[i] = row[kFaceBlocks];
  }
  for (int k = 0; k < kWitnessValues / kFloats; ++k)
    store(sums[k] / static_cast<float>(count), means_ + k * kFloats);

  const auto analyse = [&](const std::vector<float>& values, Spectrum& spectrum) {
    const float* value = values.data();
    for (std::size_t i = 0; i < count / coarse_; ++i) {
      float sum = 0;
      for (std::size_t k = 0; k < coarse_; ++k) sum += *value++;
      few_[i] = static_cast<double>(sum);
    }
    spectrum.analyse(few_.data(), count / coarse_);
  };
  analyse(face_, face_spectrum_);
  analyse(rim_, rim_spectrum_);
  for (std::size_t i = 0; i < count; ++i) {
    face_[i] = hann_[i] * (face_[i] - means_[kFace]);
    pulse_[i] = hann_[i] * static_cast<float>(seen_pulse_[i]);
  }
}

Testimony Witness::testify(const Peak& peak) {
  prepare();
  // The window's transform at the frequency: of the pulse and of the face's brightness, also at
  // multiples, which begin with half of it.
  const Complex step = std::polar(1.0, -kPi * peak.frequency / rate_);
  const Complex step2 = step * step;
  const Complexes steps = all(step2 * step2);
  Complexes half = powers(step), pulses{}, multiples[3] = {}, beats[3] = {};
  Complexes turns{};
  for (std::size_t i = 0; i < count_; i += kFloats) {
    const Complexes one = half * half, two = one * one, three = two * one;
    const Floats hann = load(&hann_[i]), face = load(&face_[i]), pulse = load(&pulse_[i]);
    turns += hann * one;
    store(hann * one.real, &real_[i]);
    store(hann * one.imaginary, &imaginary_[i]);
    pulses += pulse * one;
    beats[0] += pulse * two;
    beats[1] += pulse * three;
    beats[2] += pulse * half;
    multiples[0] += face * two;
    multiples[1] += face * three;
    multiples[2] += face * half;
    half = half * steps;
  }

  // Of all witnesses, less what their mean gives.
  float sums[2][kWitnessRow] = {};
  kernels_.correlate(rows_.newest(count_), static_cast<int>(count_), real_.data(),
                     imaginary_.data(), sums[0]);
  const double scale = 4.0 / static_cast<double>(count_);  // 2 over the sum of the Hann window
  const Complex turned = turns.sum();
  Complex z[kWitnesses];
  for (int k = 0; k < kWitnesses; ++k)
    z[k] = scale * (Complex(sums[0][k], sums[1][k]) - static_cast<double>(means_[k]) * turned);
  const Complex of_pulse = pulses.sum();
  const Complex* const colours = z + kPlaces;
  Complex brightness = 0, colour = 0;
  for (int k = 0; k < kFaceBlocks; ++k) {
    brightness += z[k];
    colour += colours[k];
  }

  Testimony said{};
  auto& items = said.items;
  items[Testimony::snr] = bounded_snr(peak.snr_db);
  items[Testimony::height] = peak.height;
  items[Testimony::clearance] = peak.clearance;
  items[Testimony::rival] = peak.rival;
  items[Testimony::frequency] = peak.frequency;
  items[Testimony::brightness_agree] = agreement(z, brightness);
  items[Testimony::colour_agree] = agreement(colours, colour);
  brightness /= kFaceBlocks;
  colour /= kFaceBlocks;
  const Complex rim = z[kFaceBlocks], rim_colour = colours[kFaceBlocks];
  items[Testimony::brightness] = std::log10(length(brightness) + kLeast);
  items[Testimony::colour] = std::log10(length(colour) + kLeast);
  items[Testimony::colour_share] = share(colour, brightness);
  const auto over = [](Complex part, Complex whole) {
    return std::log10(length(part) / (length(whole) + kLeast * kLeastRatio) + kLeastRatio);
  };
  items[Testimony::rim_brightness] = over(rim, brightness);
  items[Testimony::rim_colour] = over(rim_colour, colour);
  items[Testimony::rim_together] = share(rim, brightness);
  const Complex pulse = of_pulse / (length(of_pulse) + kTiny * kTiny);
  const auto follow = [&](Complex part) {
    return falling(part, pulse) / (length(part) + kTiny * kTiny);
  };
  items[Testimony::brightness_follow] = follow(brightness);
  items[Testimony::colour_follow] = follow(colour);
  items[Testimony::rim_follow] = follow(rim);
  items[Testimony::brightness_spread] = over(spread(z, brightness), brightness);
  items[Testimony::colour_spread] = over(spread(colours, colour), colour);
  double flushes[kFaceBlocks];
  for (int k = 0; k < kFaceBlocks; ++k) flushes[k] = falling(colours[k], pulse);
  std::sort(flushes, flushes + kFaceBlocks);
  constexpr int kMiddle = kFaceBlocks / 2, kQuarter = kFaceBlocks / 4;
  const auto amplitude = [](double a, double b) {
    return std::log10(std::max(0.5 * (a + b), 0.0) + kLeast);
  };
  items[Testimony::colour_median] = amplitude(flushes[kMiddle - 1], flushes[kMiddle]);
  items[Testimony::colour_quartile] = amplitude(flushes[kQuarter - 1], flushes[kQuarter]);
  items[Testimony::face_snr] = bounded_snr(face_spectrum_.snr_db(peak.frequency));
  items[Testimony::rim_snr] = bounded_snr(rim_spectrum_.snr_db(peak.frequency));
  for (int m = 0; m < 3; ++m) {
    items[Testimony::double_line + m] = line(scale * multiples[m].sum(), brightness);
    items[Testimony::double_beat + m] = line(scale * beats[m].sum(), scale * of_pulse);
  }
  return said;
}

}  // namespace rppg
