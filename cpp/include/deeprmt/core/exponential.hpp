// exp for leaf loops.
#pragma once

#include <bit>
#include <cstdint>

namespace deeprmt {

/// exp(y), -708 <= y <= 0, to two roundings, branch-free: y = n ln 2 + r, |r| <= ln(2) / 2, a Taylor polynomial in r,
/// and n into the exponent. Adding 1.5 * 2^52 rounds to the nearest integer, which then stands in the low bits.
[[gnu::always_inline]] inline double exp_negative(double y) {
  const double shifted = y * 1.4426950408889634 + 0x1.8p52, n = shifted - 0x1.8p52;
  const double r = (y - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
  double e = 1.0 / 479001600;
  e = e * r + 1.0 / 39916800;
  e = e * r + 1.0 / 3628800;
  e = e * r + 1.0 / 362880;
  e = e * r + 1.0 / 40320;
  e = e * r + 1.0 / 5040;
  e = e * r + 1.0 / 720;
  e = e * r + 1.0 / 120;
  e = e * r + 1.0 / 24;
  e = e * r + 1.0 / 6;
  e = e * r + 0.5;
  e = e * r + 1.0;
  e = e * r + 1.0;
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(e) + (std::bit_cast<std::uint64_t>(shifted) << 52));
}

/// The same in single precision, -87 <= y <= 0.
[[gnu::always_inline]] inline float exp_negative(float y) {
  const float shifted = y * 1.44269504f + 0x1.8p23f, n = shifted - 0x1.8p23f;
  const float r = (y - n * 0.693145752f) - n * 1.42860677e-6f;
  float e = 1.0f / 5040;
  e = e * r + 1.0f / 720;
  e = e * r + 1.0f / 120;
  e = e * r + 1.0f / 24;
  e = e * r + 1.0f / 6;
  e = e * r + 0.5f;
  e = e * r + 1.0f;
  e = e * r + 1.0f;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(e) + (std::bit_cast<std::uint32_t>(shifted) << 23));
}

}  // namespace deeprmt
