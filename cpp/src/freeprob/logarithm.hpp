// Moduli and logarithms of complex numbers in the solver's loops, where the standard ones take most of the time.
#pragma once

#include <cmath>
#include <complex>

namespace deeprmt::freeprob {

/// |z| by a square root, where the square of z is in the range of doubles.
inline double modulus(std::complex<double> z) {
  const double square = z.real() * z.real() + z.imag() * z.imag();
  return square > 1e-280 && square < 1e280 ? std::sqrt(square) : std::abs(z);
}

/// The principal ln z, each part to rounding of 1 or of itself; relative to z - 1 next to 1.
inline std::complex<double> logarithm(std::complex<double> z) {
  const double x = std::abs(z.real()), y = z.imag(), square = x * x + y * y;
  if (!(square > 1e-280 && square < 1e280)) return std::log(z);
  const double log_square = square > 0.5 && square < 2 ? std::log1p((x - 1) * (x + 1) + y * y) : std::log(square);
  return {0.5 * log_square, std::atan2(y, z.real())};
}

}  // namespace deeprmt::freeprob
