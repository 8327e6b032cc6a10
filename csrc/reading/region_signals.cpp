#include "reading/region_signals.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numeric>

#include "kernels/float4.hpp"
#include "signal/elementary.hpp"

namespace rppg {
namespace {

using Complex = std::complex<double>;

constexpr double kPi = 3.14159265358979323846;

constexpr int kMargin = kSide / 6;                     // width of the rim, pixels
constexpr int kBlockSide = (kSide - 2 * kMargin) / 4;  // pixels
constexpr double kDarkest = 1.0 / 255.0;  // one grey level; darker colors are unreliable
constexpr int kPlane = kSide * kSide;

static_assert(4 * kBlockSide + 2 * kMargin == kSide, "blocks fill the middle");

// Floors of amplitudes and ratios, far below what a camera shows, so that nothing is divided by 0.
constexpr double kLeast = 1e-6, kLeastRatio = 1e-3, kLeastLine = 1e-4;
constexpr double kTiny = 1e-12;
constexpr double kLeastSnr = -30.0, kMostSnr = 30.0;  // dB

constexpr double kCoarseBins = 30.0;  // per Hz; lines are 0.2 Hz wide
constexpr double kCoarseRate = 3.0;   // least sampling rate, in multiples of the band's upper edge

// Four complex numbers. Products omit the handling of infinities in std::complex.
struct Complexes {
  Float4 real, imaginary;

  friend Complexes operator*(Complexes a, Complexes b) {
    return {a.real * b.real - a.imaginary * b.imaginary,
            a.real * b.imaginary + a.imaginary * b.real};
  }
  friend Complexes operator*(Float4 a, Complexes b) { return {a * b.real, a * b.imaginary}; }
  void operator+=(Complexes a) {
    real += a.real;
    imaginary += a.imaginary;
  }
  Complex sum() const { return {total(real), total(imaginary)}; }
};

Complexes all(Complex z) {
  const auto real = static_cast<float>(z.real()), imaginary = static_cast<float>(z.imag());
  return {Float4{real, real, real, real}, Float4{imaginary, imaginary, imaginary, imaginary}};
}

// z^0 to z^3.
Complexes powers(Complex z) {
  Complexes out = all(1.0);
  Complex power = 1.0;
  for (int i = 1; i < kFloat4; ++i) {
    power *= z;
    out.real[i] = static_cast<float>(power.real());
    out.imaginary[i] = static_cast<float>(power.imag());
  }
  return out;
}

double share(Complex part, Complex whole) {
  return std::clamp((part / (whole + kTiny)).real(), -2.0, 2.0);
}

// Like std::abs, but without its protection against overflow.
double length(Complex z) { return std::sqrt(std::norm(z)); }

// The component of z that falls when the pulse rises; `pulse` has length 1.
double falling(Complex z, Complex pulse) {
  return -(z.real() * pulse.real() + z.imag() * pulse.imag());
}

// 1 if all blocks change together, near 0 if every block has its own phase.
double agreement(const Complex* blocks, Complex sum) {
  double lengths = 0;
  for (int k = 0; k < kFaceBlocks; ++k) lengths += length(blocks[k]);
  return length(sum) / (lengths + kTiny);
}

// The standard deviation of the blocks from their mean.
double spread(const Complex* blocks, Complex mean) {
  double squares = 0;
  for (int k = 0; k < kFaceBlocks; ++k) squares += std::norm(blocks[k] - mean);
  return std::sqrt(squares / kFaceBlocks);
}

double line(Complex multiple, Complex at) {
  return elementary::log10(std::norm(multiple) / (std::norm(at) + kTiny * kLeastRatio) +
                           kLeastLine);
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
  const auto most =
      std::min(rate / (kCoarseRate * high), std::floor(static_cast<double>(samples) / 8.0));
  return std::max<std::size_t>(1, static_cast<std::size_t>(most));
}

double bounded_snr(double snr_db) {
  return std::isnan(snr_db) ? kLeastSnr : std::clamp(snr_db, kLeastSnr, kMostSnr);
}

void observe(const float* appearance, double* observed) {
  constexpr double kRimPixels = kPlane - kFaceBlocks * kBlockSide * kBlockSide;
  constexpr double kFacePixels = kPlane - kRimPixels;
  double sums[kColors][kPlaces] = {};
  for (int c = 0; c < kColors; ++c) {
    add_pixels(appearance + c * kPlane, sums[c]);
    observed[c] = std::accumulate(sums[c], sums[c] + kFaceBlocks, 0.0) / kFacePixels;
  }
  const double *const red = sums[0], *const green = sums[1];
  double* const region_signals = observed + kColors;
  for (int k = 0; k < kPlaces; ++k) {
    const double pixels = k < kFaceBlocks ? kBlockSide * kBlockSide : kRimPixels;
    const double brightness = elementary::log(std::max(green[k] / pixels, kDarkest));
    region_signals[k] = brightness;
    region_signals[kPlaces + k] = brightness - elementary::log(std::max(red[k] / pixels, kDarkest));
  }
}

RegionSignals::RegionSignals(const Kernels& kernels, double rate, double low, double high,
                             std::size_t samples)
    : kernels_(kernels),
      rate_(rate),
      coarse_(coarseness(rate, high, samples)),
      rows_(samples, kRegionRow),
      few_(samples / coarse_),
      face_spectrum_(kernels, rate / static_cast<double>(coarse_), low, high, samples / coarse_,
                     high, kCoarseBins),
      rim_spectrum_(face_spectrum_) {
  for (auto* each : {&hann_, &pulse_, &face_, &rim_, &real_, &imaginary_})
    each->resize(samples + kFloat4);
}

void RegionSignals::restart() { started_ = false; }

void RegionSignals::push(const double* region_signals) {
  if (!started_) std::copy_n(region_signals, kRegionSignals, start_);
  started_ = true;
  float row[kRegionRow] = {};
  float face = 0;
  for (int k = 0; k < kRegionSignals; ++k)
    row[k] = static_cast<float>(region_signals[k] - start_[k]);
  for (int k = 0; k < kFaceBlocks; ++k) face += row[k];
  row[kFace] = face / kFaceBlocks;
  rows_.push(row);
}

void RegionSignals::look(const double* pulse, const double* hann, std::size_t count) {
  seen_pulse_ = pulse;
  seen_hann_ = hann;
  count_ = count;
  prepared_ = false;
}

void RegionSignals::prepare() {
  if (prepared_) return;
  prepared_ = true;
  const std::size_t count = count_;
  if (count != hann_count_) {
    hann_count_ = count;
    for (auto* each : {&hann_, &pulse_, &face_}) std::fill(each->begin(), each->end(), 0.0f);
    for (std::size_t i = 0; i < count; ++i) hann_[i] = static_cast<float>(seen_hann_[i]);
  }
  Float4 sums[kRegionValues / kFloat4] = {};
  const float* row = rows_.newest(count);
  for (std::size_t i = 0; i < count; ++i, row += kRegionRow) {
    for (int k = 0; k < kRegionValues / kFloat4; ++k) sums[k] += load(row + k * kFloat4);
    face_[i] = row[kFace];
    rim_[i] = row[kFaceBlocks];
  }
  for (int k = 0; k < kRegionValues / kFloat4; ++k)
    store(sums[k] / static_cast<float>(count), means_ + k * kFloat4);

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

PeakFeatures RegionSignals::features(const Peak& peak) {
  prepare();
  // Fourier sums at the peak's frequency for the pulse and the face's brightness, and at 2, 3 and
  // 1/2 times that frequency. All oscillations are powers of the one at half the frequency.
  const Complex step = elementary::unit(-kPi * peak.frequency / rate_);
  const Complex step2 = step * step;
  const Complexes steps = all(step2 * step2);
  Complexes half = powers(step), pulses{}, multiples[3] = {}, beats[3] = {};
  Complexes turns{};
  for (std::size_t i = 0; i < count_; i += kFloat4) {
    const Complexes one = half * half, two = one * one, three = two * one;
    const Float4 hann = load(&hann_[i]), face = load(&face_[i]), pulse = load(&pulse_[i]);
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

  // Fourier sums of all region signals, with their means removed.
  float sums[2][kRegionRow] = {};
  kernels_.correlate(rows_.newest(count_), static_cast<int>(count_), real_.data(),
                     imaginary_.data(), sums[0]);
  const double scale = 4.0 / static_cast<double>(count_);  // 2 / sum of the Hann window
  const Complex turned = turns.sum();
  Complex z[kRegionSignals];
  for (int k = 0; k < kRegionSignals; ++k)
    z[k] = scale * (Complex(sums[0][k], sums[1][k]) - static_cast<double>(means_[k]) * turned);
  const Complex of_pulse = pulses.sum();
  const Complex* const colors = z + kPlaces;
  Complex brightness = 0, color = 0;
  for (int k = 0; k < kFaceBlocks; ++k) {
    brightness += z[k];
    color += colors[k];
  }

  PeakFeatures features{};
  auto& items = features.items;
  items[PeakFeatures::snr] = bounded_snr(peak.snr_db);
  items[PeakFeatures::height] = peak.height;
  items[PeakFeatures::peak_to_median] = peak.peak_to_median;
  items[PeakFeatures::second_peak_ratio] = peak.second_peak_ratio;
  items[PeakFeatures::frequency] = peak.frequency;
  items[PeakFeatures::brightness_agree] = agreement(z, brightness);
  items[PeakFeatures::color_agree] = agreement(colors, color);
  brightness /= kFaceBlocks;
  color /= kFaceBlocks;
  const Complex rim = z[kFaceBlocks], rim_color = colors[kFaceBlocks];
  items[PeakFeatures::brightness] = elementary::log10(length(brightness) + kLeast);
  items[PeakFeatures::color] = elementary::log10(length(color) + kLeast);
  items[PeakFeatures::color_share] = share(color, brightness);
  const auto over = [](Complex part, Complex whole) {
    return elementary::log10(length(part) / (length(whole) + kLeast * kLeastRatio) + kLeastRatio);
  };
  items[PeakFeatures::rim_brightness] = over(rim, brightness);
  items[PeakFeatures::rim_color] = over(rim_color, color);
  items[PeakFeatures::rim_together] = share(rim, brightness);
  const Complex pulse = of_pulse / (length(of_pulse) + kTiny * kTiny);
  const auto follow = [&](Complex part) {
    return falling(part, pulse) / (length(part) + kTiny * kTiny);
  };
  items[PeakFeatures::brightness_follow] = follow(brightness);
  items[PeakFeatures::color_follow] = follow(color);
  items[PeakFeatures::rim_follow] = follow(rim);
  items[PeakFeatures::brightness_spread] = over(spread(z, brightness), brightness);
  items[PeakFeatures::color_spread] = over(spread(colors, color), color);
  double flushes[kFaceBlocks];
  for (int k = 0; k < kFaceBlocks; ++k) flushes[k] = falling(colors[k], pulse);
  std::sort(flushes, flushes + kFaceBlocks);
  constexpr int kMiddle = kFaceBlocks / 2, kQuarter = kFaceBlocks / 4;
  const auto amplitude = [](double a, double b) {
    return elementary::log10(std::max(0.5 * (a + b), 0.0) + kLeast);
  };
  items[PeakFeatures::color_median] = amplitude(flushes[kMiddle - 1], flushes[kMiddle]);
  items[PeakFeatures::color_quartile] = amplitude(flushes[kQuarter - 1], flushes[kQuarter]);
  items[PeakFeatures::face_snr] = bounded_snr(face_spectrum_.snr_db(peak.frequency));
  items[PeakFeatures::rim_snr] = bounded_snr(rim_spectrum_.snr_db(peak.frequency));
  for (int m = 0; m < 3; ++m) {
    items[PeakFeatures::double_line + m] = line(scale * multiples[m].sum(), brightness);
    items[PeakFeatures::double_beat + m] = line(scale * beats[m].sum(), scale * of_pulse);
  }
  return features;
}

}  // namespace rppg
