// Elementary functions that give the same bits on every platform. Those of the C libraries differ
// in the last bit from one system to another, and so would the readings.
//
// The functions use only additions, multiplications, divisions and square roots, which IEEE 754
// rounds exactly. The error of sine and cosine is below 2^-52, that of the others below 2 units in
// the last place.
#pragma once

#include <complex>

namespace rppg::elementary {

// Sine and cosine of an angle in radians from -kFarthestAngle to kFarthestAngle; NaN beyond.
constexpr double kFarthestAngle = 1e5;
double sin(double angle);
double cos(double angle);

// e^x, natural and decimal logarithm. The logarithm of 0 is minus infinity, of a negative number
// NaN.
double exp(double x);
double log(double x);
double log10(double x);

// The complex number of length 1 at an angle in radians.
std::complex<double> unit(double angle);

// Quotient, absolute value, and square root with a real part that is not negative. All parts must
// stay far from overflow and underflow when they are squared.
std::complex<double> divide(std::complex<double> a, std::complex<double> b);
double abs(std::complex<double> z);
std::complex<double> sqrt(std::complex<double> z);

}  // namespace rppg::elementary
