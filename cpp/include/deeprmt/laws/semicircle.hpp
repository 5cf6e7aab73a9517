// Wigner's semicircle: the law of the eigenvalues of large symmetric matrices with independent entries.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::laws {

/// Variance sigma^2 > 0, support [-2 sigma, 2 sigma], density sqrt(4 sigma^2 - x^2) / (2 pi sigma^2).
///
/// With x = -2 sigma cos(phi / 2), phi in [0, 2 pi], the mass below x is (phi - sin phi) / (2 pi). The mass of the
/// nearer side is computed, from the distance to that edge, and to full relative accuracy; the other is 1 minus it.
class Semicircle {
 public:
  /// @throws std::invalid_argument unless sigma > 0 and sigma^2 neither overflows nor underflows
  explicit Semicircle(double sigma);

  double pdf(double x) const;
  double cdf(double x) const { return x <= 0 ? tail(edge_ + x, edge_ - x) : 1 - tail(edge_ - x, edge_ + x); }
  double sf(double x) const { return cdf(-x); }

 private:
  double tail(double near, double far) const;

  double edge_, height_;
};

}  // namespace deeprmt::laws
