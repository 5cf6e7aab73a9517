#include "lead.hpp"

#include <algorithm>
#include <cmath>

#include "logarithm.hpp"

namespace deeprmt::freeprob {

using Complex = std::complex<double>;

Complex log_ratio(double flat, Complex one_plus_by, Complex kept) {
  const Complex u = -flat / one_plus_by;
  if (std::norm(u) < 0.25) return {0.5 * std::log1p(2 * u.real() + std::norm(u)), std::atan2(u.imag(), 1 + u.real())};
  return logarithm(kept) - logarithm(one_plus_by);
}

Lead::Lead(Segment& first) {
  const auto steepest = std::max_element(first.terms.begin(), first.terms.end(), [](const Term& s, const Term& t) {
    return (s.power > 0 ? s.a : 0) < (t.power > 0 ? t.a : 0);
  });
  const auto bound = [](const Group& g) { return g.width / (1 - g.law->mass_at_zero()); };
  const auto widest = std::max_element(first.groups.begin(), first.groups.end(),
                                       [&](const Group& s, const Group& t) { return bound(s) < bound(t); });
  const auto flattest = std::max_element(first.projections.begin(), first.projections.end(),
                                         [](const ExplicitLaw::Jump& s, const ExplicitLaw::Jump& t) {
                                           return s.width / (1 - s.flat) < t.width / (1 - t.flat);
                                         });
  const double of_jumps = flattest != first.projections.end() ? flattest->width / (1 - flattest->flat) : 0;
  const double a = steepest->power > 0 ? steepest->a : 0;
  if (of_jumps >= a && of_jumps > 0 && (widest == first.groups.end() || of_jumps > bound(*widest))) {
    law = std::make_shared<const SquaredSlopes>(SquaredSlopes::two_valued(1 - flattest->flat, flattest->flat));
    power = flattest->power;
    width = flattest->width;
    flat = flattest->flat;
    is_single = is_jump = true;
    first.projections.erase(flattest);
  } else if (widest != first.groups.end() && bound(*widest) >= a) {
    law = widest->law;
    power = widest->power;
    width = widest->width;
    first.groups.erase(widest);
  } else {  // 1 + a y = a y w, a y = 1 / (w - 1)
    law = std::make_shared<const SquaredSlopes>(SquaredSlopes::two_valued(1, 0));
    width = a > 0 ? a : 1;
    is_single = true;
    if (a > 0) {
      power = steepest->power;
      first.log_scale += steepest->power * std::log(a);
      first.log_y += steepest->power;
      steepest->power = 0;
    }
  }
}

Complex Lead::log_z(Complex omega, Complex& slope) const {
  slope = 0;
  if (power == 0) return 0;
  if (!is_jump) {
    slope = power / omega;
    return power * logarithm(omega);
  }
  // (1 - f + by) / (1 + by) = p w / (w - f).
  const double f = flat;
  slope = -power * f / (omega * (omega - f));
  if (std::abs(omega) > 2 * f) return power * (std::log1p(-f) - log_ratio(f, omega, omega - f));
  return power * (std::log1p(-f) + logarithm(omega) - logarithm(omega - f));
}

}  // namespace deeprmt::freeprob
