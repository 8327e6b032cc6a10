#include "witness.hpp"

#include <algorithm>
#include <cmath>

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

// The product without std::complex's care for infinities, which costs a call.
Complex times(Complex a, Complex b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

double share(Complex part, Complex whole) {
  return std::clamp((part / (whole + kTiny)).real(), -2.0, 2.0);
}

double against(Complex z, Complex pulse) {
  return -(z * std::conj(pulse)).real() / (std::abs(z) * std::abs(pulse) + kTiny * kTiny);
}

// 1 where all blocks beat together, near 0 where each has a phase of its own.
double agreement(const Complex* blocks, Complex sum) {
  double lengths = 0;
  for (int k = 0; k < kFaceBlocks; ++k) lengths += std::abs(blocks[k]);
  return std::abs(sum) / (lengths + kTiny);
}

void add_pixels(const float* plane, double* sums) {
  for (int y = 0; y < kSide; ++y) {
    const float* row = plane + y * kSide;
    float parts[kSide / kBlockSide] = {};
    for (int x = 0; x < kSide; ++x) parts[x / kBlockSide] += row[x];
    const int block_row = y / kBlockSide - 1;
    const bool inside = block_row >= 0 && block_row < 4;
    for (int part = 0; part < kSide / kBlockSide; ++part) {
      const bool face = inside && part >= 1 && part <= 4;
      sums[face ? 4 * block_row + part - 1 : kFaceBlocks] += parts[part];
    }
  }
}

}  // namespace

void observe(const float* appearance, double* witnesses) {
  constexpr double kRimPixels = kPlane - kFaceBlocks * kBlockSide * kBlockSide;
  double red[kPlaces] = {}, green[kPlaces] = {};
  add_pixels(appearance, red);
  add_pixels(appearance + kPlane, green);
  for (int k = 0; k < kPlaces; ++k) {
    const double pixels = k < kFaceBlocks ? kBlockSide * kBlockSide : kRimPixels;
    const double brightness = std::log(std::max(green[k] / pixels, kDarkest));
    witnesses[k] = brightness;
    witnesses[kPlaces + k] = brightness - std::log(std::max(red[k] / pixels, kDarkest));
  }
}

Witness::Witness(double rate, std::size_t samples)
    : rate_(rate), samples_(samples), rows_(samples * kColumns) {}

void Witness::restart() { head_ = 0; }

void Witness::push(const double* witnesses) {
  float* const row = &rows_[head_ * kColumns];
  double face = 0;
  for (int k = 0; k < kWitnesses; ++k) row[k] = static_cast<float>(witnesses[k]);
  for (int k = 0; k < kFaceBlocks; ++k) face += witnesses[k];
  row[kFace] = static_cast<float>(face / kFaceBlocks);
  head_ = (head_ + 1) % samples_;
}

void Witness::look(std::size_t count) {
  first_ = (head_ + samples_ - count) % samples_;
  count_ = count;
  double sums[kColumns] = {};
  for_each([&](const float* sample) {
    for (int k = 0; k < kColumns; ++k) sums[k] += static_cast<double>(sample[k]);
  });
  for (int k = 0; k < kColumns; ++k)
    mean_[k] = static_cast<float>(sums[k] / static_cast<double>(count));
}

Testimony Witness::testify(double frequency, double snr_db, const double* pulse) const {
  // The window's transform at the frequency: of every witness, of the pulse, and of the face's
  // brightness at multiples as well.
  float real[kColumns] = {}, imaginary[kColumns] = {};
  Complex of_pulse = 0, of_multiples[3] = {};  // twice, three times and half
  const double turn = 2.0 * kPi / static_cast<double>(count_);
  const double angle = -2.0 * kPi * frequency / rate_;
  const Complex hann_step = std::polar(1.0, turn), half_step = std::polar(1.0, 0.5 * angle);
  Complex hann = std::polar(1.0, 0.5 * turn), half = 1.0;
  for_each([&](const float* sample) {
    const double window = 0.5 - 0.5 * hann.real();
    const Complex whole = times(half, half), half_turn = window * half, one = window * whole;
    const Complex two = times(one, whole), multiples[] = {two, times(two, whole), half_turn};
    const auto re = static_cast<float>(one.real()), im = static_cast<float>(one.imag());
    for (int k = 0; k < kColumns; ++k) {
      const float change = sample[k] - mean_[k];
      real[k] += re * change;
      imaginary[k] += im * change;
    }
    const auto face = static_cast<double>(sample[kFace] - mean_[kFace]);
    for (int m = 0; m < 3; ++m) of_multiples[m] += multiples[m] * face;
    of_pulse += one * *pulse++;
    hann = times(hann, hann_step);
    half = times(half, half_step);
  });
  const double scale = 4.0 / static_cast<double>(count_);  // 2 over the sum of the Hann window
  Complex z[kWitnesses];
  for (int k = 0; k < kWitnesses; ++k)
    z[k] = scale * Complex(static_cast<double>(real[k]), static_cast<double>(imaginary[k]));
  const Complex* const colours = z + kPlaces;
  Complex brightness = 0, colour = 0;
  for (int k = 0; k < kFaceBlocks; ++k) {
    brightness += z[k];
    colour += colours[k];
  }

  Testimony said{};
  auto& items = said.items;
  items[Testimony::snr] = snr_db;
  items[Testimony::frequency] = frequency;
  items[Testimony::brightness_agree] = agreement(z, brightness);
  items[Testimony::colour_agree] = agreement(colours, colour);
  brightness /= kFaceBlocks;
  colour /= kFaceBlocks;
  const Complex rim = z[kFaceBlocks], rim_colour = colours[kFaceBlocks];
  items[Testimony::brightness] = std::log10(std::abs(brightness) + kLeast);
  items[Testimony::colour] = std::log10(std::abs(colour) + kLeast);
  items[Testimony::colour_share] = share(colour, brightness);
  const auto over = [](Complex part, Complex whole) {
    return std::log10(std::abs(part) / (std::abs(whole) + kLeast * kLeastRatio) + kLeastRatio);
  };
  items[Testimony::rim_brightness] = over(rim, brightness);
  items[Testimony::rim_colour] = over(rim_colour, colour);
  items[Testimony::rim_together] = share(rim, brightness);
  items[Testimony::brightness_follow] = against(brightness, of_pulse);
  items[Testimony::colour_follow] = against(colour, of_pulse);
  items[Testimony::rim_follow] = against(rim, of_pulse);
  const Testimony::Item lines[] = {Testimony::double_line, Testimony::triple_line,
                                   Testimony::half_line};
  for (int m = 0; m < 3; ++m)
    items[lines[m]] = std::log10(std::norm(scale * of_multiples[m]) /
                                     (std::norm(brightness) + kTiny * kLeastRatio) +
                                 kLeastLine);
  return said;
}

}  // namespace rppg
