// The Marchenko-Pastur law: eigenvalues of sample covariance matrices of noise. Math. USSR Sb. 1, 457 (1967).
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::laws {

/// The law of the eigenvalues of G G^T, G of shape m x n with independent entries of variance sigma^2 / n, as m and n
/// grow at c = m / n = aspect; with `singular` of their square roots, the singular values of G. Support
/// between sigma^2 (1 -+ sqrt c)^2, density sqrt((x - low)(high - x)) / (2 pi sigma^2 c x), mass 1 - 1/c at 0 if c > 1.
///
/// The distribution function. Both c and 1/c lead to the same continuous part, up to its mass min(1, 1/c), so let
/// r = sqrt(min(c, 1/c)). On the circle x ~ 1 + r^2 - 2 r cos(theta) the share below x is
///     (2/pi) int_0^theta sin^2 t dt / (1 + r^2 - 2 r cos t)
///       = (theta + sin(theta) / r - (1 - r^2) / r^2 * atan2(r sin theta, 1 - r cos theta)) / pi,
/// the arctangent form, which cancels where theta or r is small. With u = tan(t / 2) the integral is
///     16 / (pi (1 - r)^2) int_0^v u^2 du / ((1 + u^2)^2 (1 + k^2 u^2)),  k = (1 + r) / (1 - r),  v = tan(theta / 2),
/// positive and smooth: 16 Gauss-Legendre points give it to rounding if k v <= 1.5, and the same from the other edge,
/// with 1/k, 1/v and 1 + r for k, v and 1 - r, if v >= 1. In between the arctangents are good to a few roundings.
/// v^2 = (x - low) / (high - x), where the edges are kept in two doubles each: the relative accuracy holds up to them.
class MarchenkoPastur {
 public:
  /// The number head + rest, rest below the last digit of head.
  struct Pair {
    double head, rest;
  };

  /// @throws std::invalid_argument unless aspect and sigma are positive and the edges within the range of doubles
  MarchenkoPastur(double aspect, double sigma, bool singular);

  double low() const { return low_.head; }
  double high() const { return high_.head; }
  double pdf(double x) const;
  double cdf(double x) const;
  double sf(double x) const;

 private:
  double above_low(double x) const;   // the distance of the eigenvalue at x to the lower edge, 0 below it
  double below_high(double x) const;  // and to the upper edge
  double share(double x, bool upper) const;

  Pair low_, high_;  // of singular values if singular_
  double scale_;     // 2 pi sigma^2 c
  double atom_;      // the mass at 0
  double weight_;    // the mass of the continuous part
  double r_;         // sqrt(min(c, 1/c))
  double inner_;     // 1 - r, without cancellation
  bool singular_;
};

}  // namespace deeprmt::laws
