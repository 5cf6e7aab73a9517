// The step of a chain whose subordination point is the unknown.
#pragma once

#include <complex>
#include <memory>

#include "deeprmt/freeprob/squared_slopes.hpp"
#include "segments.hpp"

namespace deeprmt::freeprob {

/// ln((1 - flat + by) / (1 + by)); kept: the numerator.
std::complex<double> log_ratio(double flat, std::complex<double> one_plus_by, std::complex<double> kept);

/// y is M(omega) / width with M the law's; where the law has two values, flat of them 0 and the others 1, y and what
/// stands beside it in the chain are fractions of omega, without cancellation.
struct Lead {
  using Complex = std::complex<double>;

  std::shared_ptr<const SquaredSlopes> law;
  double power = 0, width = 1, flat = 0;
  bool is_single = false, is_jump = false;  // is_single: the others are 1; is_jump: it stands for a projection

  /// Takes the step that bounds the rank from above out of the first segment: with its omega as the unknown, small
  /// eigenvalues keep their digits.
  explicit Lead(Segment& first);

  /// 1 + a y without cancellation: where omega is exact near 0, so is 1 + y next to its zero.
  Complex one_plus(double a, const SquaredSlopes::Point& p, const SquaredSlopes::Moments& m, Complex y) const {
    if (a == width) return m.one_plus_y;
    if (is_single) return (p.omega - (width - a + a * flat) / width) / p.above;
    return 1.0 + a * y;
  }

  /// 1 - flat + by of a projection: next to its zero from omega, if it has the width of the lead.
  Complex kept(const ExplicitLaw::Jump& jump, const SquaredSlopes::Point& p, Complex one_plus_by) const {
    if (is_jump && jump.width == width) return ((1 - jump.flat) * p.omega - (flat - jump.flat)) / p.above;
    return one_plus_by - jump.flat;
  }

  /// What the lead itself brings to ln z, beside its share in log_y and terms: power ln omega; all of a projection's.
  Complex log_z(Complex omega, Complex& slope) const;
};

}  // namespace deeprmt::freeprob
