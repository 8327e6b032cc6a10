#include "signal/elementary.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

namespace rppg::elementary {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// ln 2 and pi / 2 in parts. The first parts end in zero bits, so that their products with the whole
// numbers below are exact.
constexpr double kLog2High = 0x1.62e42feep-1, kLog2Low = 0x1.a39ef35793c76p-33;
constexpr double kQuarter1 = 0x1.921fb544p+0, kQuarter2 = 0x1.0b4611a6p-34;
constexpr double kQuarter3 = 0x1.3198a2e037073p-69;
constexpr double kLog2E = 1.4426950408889634074, kLog10E = 0.43429448190325182765;
constexpr double kTwoOverPi = 0.63661977236758134308;
constexpr double kRootHalf = 0.70710678118654752440;

// Beyond these e^x is 0 or infinite.
constexpr double kLeastPower = -746, kMostPower = 710;

// The first coefficient plus x times the second, and so on.
template <std::size_t kCount>
double polynomial(const double (&coefficients)[kCount], double x) {
  double sum = coefficients[kCount - 1];
  for (std::size_t i = kCount - 1; i-- > 0;) sum = sum * x + coefficients[i];
  return sum;
}

// Taylor series on [-pi/4, pi/4]. The first terms are added last, and exactly.
double sine_of_part(double r) {
  static constexpr double kTerms[] = {-1.0 / 6,
                                      1.0 / 120,
                                      -1.0 / 5040,
                                      1.0 / 362880,
                                      -1.0 / 39916800,
                                      1.0 / 6227020800.0,
                                      -1.0 / 1307674368000.0,
                                      1.0 / 355687428096000.0};
  const double square = r * r;
  return r + r * square * polynomial(kTerms, square);
}

double cosine_of_part(double r) {
  static constexpr double kTerms[] = {
      1.0 / 24,        -1.0 / 720,           1.0 / 40320,           -1.0 / 3628800,
      1.0 / 479001600, -1.0 / 87178291200.0, 1.0 / 20922789888000.0};
  const double square = r * r, half = 0.5 * square;
  const double first = 1.0 - half;  // its rounding error is half - (1 - first)
  return first + ((1.0 - first) - half + square * square * polynomial(kTerms, square));
}

// An angle as a multiple of pi / 2 and a rest from -pi / 4 to pi / 4.
struct Part {
  double rest;
  int quarter;  // 0 to 3
};

Part part_of(double angle) {
  const double quarters = std::floor(angle * kTwoOverPi + 0.5);
  const double rest =
      ((angle - quarters * kQuarter1) - quarters * kQuarter2) - quarters * kQuarter3;
  return {rest, static_cast<int>(quarters) & 3};
}

bool too_far(double angle) { return !(std::abs(angle) <= kFarthestAngle); }

}  // namespace

double sin(double angle) {
  if (too_far(angle)) return kNan;
  const auto [rest, quarter] = part_of(angle);
  const double value = quarter % 2 ? cosine_of_part(rest) : sine_of_part(rest);
  return quarter < 2 ? value : -value;
}

double cos(double angle) {
  if (too_far(angle)) return kNan;
  const auto [rest, quarter] = part_of(angle);
  const double value = quarter % 2 ? sine_of_part(rest) : cosine_of_part(rest);
  return quarter == 0 || quarter == 3 ? value : -value;
}

double exp(double x) {
  if (std::isnan(x)) return x;
  const double bounded = std::clamp(x, kLeastPower, kMostPower);
  const double powers = std::floor(bounded * kLog2E + 0.5);
  const double high = bounded - powers * kLog2High, low = powers * kLog2Low;
  const double r = high - low;
  // e^r = 1 + r + r^2 (1/2 + r/6 + ...), |r| <= ln 2 / 2.
  static constexpr double kTerms[] = {
      0.5,           1.0 / 6,        1.0 / 24,        1.0 / 120,
      1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
      1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};
  const double power = 1.0 + (high + (r * r * polynomial(kTerms, r) - low));
  return std::ldexp(power, static_cast<int>(powers));
}

double log(double x) {
  if (!(x > 0)) return x == 0 ? -std::numeric_limits<double>::infinity() : kNan;
  if (std::isinf(x)) return x;
  int exponent;
  double fraction = std::frexp(x, &exponent);
  if (fraction < kRootHalf) fraction *= 2, --exponent;
  // With s = f / (2 + f): log(1 + f) = 2 s + 2 s^3 / 3 + 2 s^5 / 5 + ..., and 2 s = f - s f.
  static constexpr double kTerms[] = {2.0 / 3,  2.0 / 5,  2.0 / 7,  2.0 / 9,  2.0 / 11,
                                      2.0 / 13, 2.0 / 15, 2.0 / 17, 2.0 / 19, 2.0 / 21};
  const double f = fraction - 1.0, s = f / (2.0 + f), square = s * s;
  const double half = 0.5 * f * f, more = square * polynomial(kTerms, square);
  const double powers = exponent;
  // s f = f^2 / 2 - s f^2 / 2: only small terms are rounded.
  return powers * kLog2High + (f - (half - (s * (half + more) + powers * kLog2Low)));
}

double log10(double x) { return log(x) * kLog10E; }

std::complex<double> unit(double angle) { return {cos(angle), sin(angle)}; }

std::complex<double> divide(std::complex<double> a, std::complex<double> b) {
  const double square = b.real() * b.real() + b.imag() * b.imag();
  return {(a.real() * b.real() + a.imag() * b.imag()) / square,
          (a.imag() * b.real() - a.real() * b.imag()) / square};
}

double abs(std::complex<double> z) { return std::sqrt(z.real() * z.real() + z.imag() * z.imag()); }

std::complex<double> sqrt(std::complex<double> z) {
  // The larger part of the root has no cancellation; the other one follows from 2 re im = z.imag.
  const double larger = std::sqrt(0.5 * (abs(z) + std::abs(z.real())));
  if (larger == 0) return 0;
  const double smaller = 0.5 * z.imag() / larger;
  if (z.real() >= 0) return {larger, smaller};
  return {std::abs(smaller), std::copysign(larger, z.imag())};
}

}  // namespace rppg::elementary
