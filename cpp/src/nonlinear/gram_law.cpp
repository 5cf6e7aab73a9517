#include "deeprmt/nonlinear/gram_law.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <tuple>
#include <utility>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"

namespace deeprmt::nonlinear {
namespace {

using Complex = std::complex<double>;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double pi = std::numbers::pi;
constexpr double unit = std::numeric_limits<double>::epsilon() / 2;

/// The plain product; the standard one also looks for infinities.
Complex times(Complex a, Complex b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}
double square(Complex a) { return a.real() * a.real() + a.imag() * a.imag(); }
double size(Complex a) { return std::hypot(a.real(), a.imag()); }
/// 1 / a, whose square may be out of range.
Complex inverse(Complex a) {
  const double scale = std::abs(a.real()) + std::abs(a.imag());
  const Complex b = a / scale;
  return std::conj(b) / (square(b) * scale);
}
/// (high + low) + im i - c, where the difference of the real parts is exact but for its last rounding.
Complex less(double high, double low, double im, const GramLaw::Centre& c) {
  return {(high - c.high) + (low - c.low), im};
}

/// Both roots, y >= 0 and -y' <= 0, of y^2 + (zeta - c eta) y - c zeta delta = 0.
std::pair<double, double> roots(double c, double zeta, double delta) {
  const double b = (c - 1) * zeta + c * delta;
  const double wide = std::hypot(b, 2 * std::sqrt(c * zeta) * std::sqrt(delta));
  const double larger = (std::abs(b) + wide) / 2, smaller = larger > 0 ? c * zeta / larger * delta : 0;
  return b >= 0 ? std::pair{larger, smaller} : std::pair{smaller, larger};
}

/// Im (w - ln(1 + w)), Im w <= 0; one is 1 + w, which may be close to 0.
double tail(Complex w, Complex one) {
  if (size(w) > 0.1) return w.imag() - std::atan2(one.imag(), one.real());
  Complex sum = 0;
  for (int k = 18; k >= 2; --k) sum = times(sum, -w) + 1.0 / k;
  return times(times(w, w), sum).imag();
}

}  // namespace

GramLaw::GramLaw(double zeta, double rest, double phi, double psi, const Centres& centres)
    : zeta_(zeta), rest_(rest), psi_(psi), wide_(std::max(phi, psi)), narrow_(std::min(phi, psi)), centres_(centres) {
  check::that(zeta >= 0 && rest >= 0 && zeta + rest > 0 && std::isfinite(zeta + rest),
              "GramLaw: zeta and rest must be finite, at least 0, and not both 0, got ", zeta, " and ", rest);
  check::that(phi > 0 && psi > 0 && std::isfinite(phi + psi), "GramLaw: phi and psi must be finite and above 0, got ",
              phi, " and ", psi);
  const double both = phi * psi;
  at_zero_ = both * rest * rest;
  at_pole_ = (phi + psi) * zeta * zeta + both * zeta * (zeta + 2 * rest);
  at_pole_twice_ = both * zeta * zeta * zeta;
  check::that(std::isfinite(at_zero_ + at_pole_ + at_pole_twice_) && both > 0 && (rest == 0 || at_zero_ > 0) &&
                  (zeta == 0 || at_pole_twice_ > 0),
              "GramLaw: phi, psi, zeta and eta - zeta are out of the range of doubles together: ", phi, ", ", psi, ", ",
              zeta, ", ", rest);
  std::tie(root_, other_) = roots(wide_, zeta, rest);
  const auto [low, low_other] = roots(narrow_, zeta, rest);
  narrow_other_ = low_other;
  // Both polynomials subtracted: (y_c - y_d)(y_c + y'_d) = (c - d)(eta y_c + zeta delta).
  const double gathered = root_ + low_other;
  apart_ = gathered > 0 ? (wide_ - narrow_) * ((zeta + rest) * root_ + zeta * rest) / gathered : 0;
}

GramLaw::Goal GramLaw::goal(double re, double im) const {
  const double high = psi_ * re, low = std::fma(psi_, re, -high), up = psi_ * im;
  return {{high, up},
          less(high, low, up, centres_.far),
          less(high, low, up, centres_.zero),
          less(high, low, up, centres_.pole)};
}

GramLaw::Point GramLaw::at(Complex y) const { return {y, y - zeta_, y + root_}; }
GramLaw::Point GramLaw::near_pole(Complex s) const { return {s + zeta_, s, s + (zeta_ + root_)}; }

/// The smallest of the three distances keeps its digits.
void GramLaw::move(Point& p, Complex step) const {
  const double y = square(p.y), s = square(p.s), t = square(p.t);
  if (s <= y && s <= t)
    p = near_pole(p.s + step);
  else if (y <= t)
    p = at(p.y + step);
  else {
    const Complex t_new = p.t + step, y_new = t_new - root_;
    p = {y_new, t_new - (zeta_ + root_), t_new};
  }
}

GramLaw::Value GramLaw::value(const Point& p, const Goal& goal) const {
  const Complex& y = p.y;
  const Complex& s = p.s;
  const Complex r = inverse(s), q = at_zero_ > 0 ? inverse(y) : Complex(0);
  const Complex kq = at_zero_ * q, br = at_pole_ * r, cr = times(at_pole_twice_ * r, r);
  Value out;
  out.slope = 1.0 - times(kq, q) - times(br, r) - 2.0 * times(cr, r);
  const double at_y = size(y), at_s = size(s), at_t = size(p.t);
  out.scale = std::min(at_s, at_zero_ > 0 || zeta_ == 0 ? at_y : infinity);
  // The product.
  const Complex one = inverse(y), whole = times(times(times(p.t, times(p.t - apart_, r)), times(y - other_, one)),
                                                times(y - narrow_other_, r));
  out.rounding = 4 * size(whole);
  out.excess = whole - goal.whole;
  bool product = true;
  const auto take = [&](Complex excess, double rounding) {
    if (!(rounding < out.rounding)) return;
    out.excess = excess;
    out.rounding = rounding;
    product = false;
  };
  const double kq_size = size(kq), br_size = size(br), cr_size = size(cr);
  take(y + kq + br + cr - goal.far, at_y + kq_size + br_size + cr_size + size(goal.far));
  if (zeta_ > 0) {
    // 1 - B / zeta^2 + ... without cancellation where c is close to 1.
    const Complex a = (1 - wide_) * zeta_ - y, b = (1 - narrow_) * zeta_ - y;
    const Complex first = times(a * r, b * r), second = 2 * wide_ * (narrow_ * rest_) * r, both = first + second;
    const double before = out.rounding;
    take(times(y, both) + kq - goal.zero, at_y * (size(first) + size(second)) + kq_size + size(goal.zero));
    const bool zero = out.rounding < before;
    const double by_zero = out.rounding;
    const Complex last = at_zero_ > 0 ? times(kq, s) / zeta_ : Complex(0);
    take(s + br + cr - last - goal.pole, at_s + br_size + cr_size + size(last) + size(goal.pole));
    if (zero && out.rounding == by_zero) {
      out.slope = both - times(times(y, r), times(a + b, r) + both + first) - times(kq, q);
      out.scale = std::min(out.scale, at_y);
    }
  }
  if (product) {
    out.scale = std::min(out.scale, at_t);
    const Complex steps =
        inverse(p.t) + inverse(p.t - apart_) + inverse(y - other_) + inverse(y - narrow_other_) - one - 2.0 * r;
    if (std::isfinite(size(steps))) out.slope = times(whole, steps);
  }
  return out;
}

/// From p to the root nearby; p keeps its half-plane.
bool GramLaw::newton(Point& p, const Goal& goal, Tally& tally) const {
  double last = infinity;
  for (int i = 0; i < 60; ++i) {
    ++tally.iterations;
    const Value v = value(p, goal);
    Complex step = -v.excess * inverse(v.slope);
    double length = size(step);
    if (!std::isfinite(length)) return false;
    const double most = 0.5 * v.scale;
    if (length > most) step *= most / length;
    if (p.y.imag() > 0 && p.y.imag() + step.imag() <= 0) step *= 0.9 * p.y.imag() / -step.imag();
    move(p, step);
    tally.residual = size(v.excess) / std::max(v.rounding, 1e-300) * unit;
    length = size(step);
    if (length <= 2 * unit * v.scale) return true;
    if (size(v.excess) <= 64 * unit * v.rounding && length >= last / 4) return true;
    last = length;
  }
  return false;
}

/// Im Y > 0 and |s|^2 > c zeta^2, from Y, which without a nonlinear part comes close to 0 and the border together.
bool GramLaw::on_sheet(const Point& p) const {
  const double beyond = square(p.y) - 2 * zeta_ * p.y.real() + (1 - wide_) * zeta_ * zeta_;
  return p.y.imag() > 0 && beyond > -1e-9 * zeta_ * size(p.y);
}

/// Where the law's root may be if z is next to 0.
std::array<GramLaw::Point, 3> GramLaw::next_to_zero(const Goal& goal) const {
  const auto from = [&](Complex t) {
    const Complex upper = t.imag() < 0 ? std::conj(t) : t;
    return Point{upper - root_, upper - (zeta_ + root_), upper};
  };
  // psi z = t (t - apart) / over + ...
  const double s = zeta_ + root_;
  const double over = -root_ * s / (root_ + other_) * (s / (root_ + narrow_other_));
  const Complex half = apart_ / 2, middle = std::sqrt(half * half + over * goal.whole);
  // Without a nonlinear part the root of 1 + c p may be at 0, where that of 1 + d p and Y are too, or not.
  const double scale = std::cbrt(size(goal.whole) * zeta_) * std::cbrt(zeta_);
  const double square_root = std::sqrt(size(goal.whole) * zeta_) * std::sqrt(zeta_ / std::max(narrow_other_, 1e-300));
  return {from(half + middle), from(std::polar(scale, 2 * pi / 3)), from(Complex(0, square_root))};
}

/// The root of the law near p, if there is one.
bool GramLaw::lead(Point& p, const Goal& goal, Tally& tally) const {
  if (!(p.y.imag() > 0) || !std::isfinite(size(p.y))) return false;
  Point q = p;
  if (!newton(q, goal, tally) || !on_sheet(q)) return false;
  const Value v = value(q, goal);
  if (!(q.y.imag() * size(v.slope) > 100 * unit * v.rounding)) return false;  // a real root, but for rounding
  p = q;
  return true;
}

/// The real root of the law near p, if there is one: there psi z grows with Y.
bool GramLaw::lead_real(Point& p, const Goal& goal, Tally& tally) const {
  Point q{p.y.real(), p.s.real(), p.t.real()};
  if (!newton(q, goal, tally)) return false;
  if (!(size(q.s) >= std::sqrt(wide_) * zeta_ * (1 - 1e-9) && value(q, goal).slope.real() > 0)) return false;
  p = q;
  return true;
}

/// The law's root at z = re + i im; p may be close to it. On the axis a real one is looked for if `real`, else a
/// complex one. From far above, where Y = psi z, the root is followed down until the last step succeeds: that there is
/// one such root alone makes any path to it right.
bool GramLaw::solve(Point& p, double re, double im, bool real, Tally& tally) const {
  const Goal wanted = goal(re, im);
  const auto done = [&](Point& q) { return real ? lead_real(q, wanted, tally) : lead(q, wanted, tally); };
  if (!real && done(p)) return true;
  if (!real && size(wanted.whole) < 1e-3 * std::abs(centres_.far.high))
    for (Point start : next_to_zero(wanted))
      if (lead(start, wanted, tally)) {
        p = start;
        return true;
      }
  double up = 4 * (std::abs(re) + im + (std::abs(centres_.far.high) + std::sqrt(at_zero_)) / psi_), factor = 0.25;
  Point q = at(goal(re, im + up).far);
  if (!lead(q, goal(re, im + up), tally)) return false;
  for (int i = 0; i < 2000 && factor < 0.99; ++i) {
    Point next = q;
    if (lead(next, goal(re, im + up * factor), tally)) {
      q = next;
      up *= factor;
      factor = std::max(factor * factor, 0.1);
      Point last = q;
      if (done(last)) {
        p = last;
        return true;
      }
      if (up < 1e-20 * std::abs(re)) break;
    } else {
      factor = std::sqrt(factor);
    }
  }
  return false;
}

void GramLaw::mass(const Point& p, double& cdf, double& sf) const {
  const Complex r = inverse(p.s), linear = zeta_ * r;
  const Complex q = rest_ > 0 ? rest_ * inverse(p.y) + linear : linear, w = narrow_ * q;
  double turned = wide_ * tail(linear, times(p.y, r));
  if (size(w) > 0.1) {
    const Complex one = times(times(p.t - apart_, r), times(p.y - narrow_other_, inverse(p.y)));
    turned += wide_ * q.imag() - (wide_ - narrow_) / narrow_ * std::atan2(one.imag(), one.real());
  } else {
    turned += wide_ / narrow_ * tail(w, 1.0 + w) + std::atan2(w.imag(), 1 + w.real());
  }
  if (p.y.real() < 0) {
    cdf = std::clamp((std::atan2(p.y.imag(), -p.y.real()) - turned) / pi, 0.0, 1.0);
    sf = 1 - cdf;
  } else {
    sf = std::clamp((std::atan2(p.y.imag(), p.y.real()) + turned) / pi, 0.0, 1.0);
    cdf = 1 - sf;
  }
}

SolveReport GramLaw::evaluate(VecIn<double> x, VecOut<double> density, VecOut<double> cdf, VecOut<double> sf,
                              int threads) const {
  check::that(density.size() == x.size() && cdf.size() == x.size() && sf.size() == x.size(),
              "evaluate: outputs must be as long as x");
  check::that(x.size() == 0 || !x.hasNaN(), "evaluate: x must not be NaN");
  const std::vector<Index> order = ascending(x);
  const auto start = [&] {
    return [&, p = Point{}](Index k, Tally& tally) mutable {
      check_interrupt();
      const Index i = order[static_cast<std::size_t>(k)];
      density[i] = cdf[i] = sf[i] = not_a_number;
      if (!(x[i] > 0)) return true;
      if (!solve(p, x[i], 0, false, tally)) {
        p = {};
        return true;
      }
      const double poles = rest_ / square(p.y) + zeta_ / square(p.s);
      density[i] = wide_ * p.y.imag() * poles / (pi * x[i]);
      mass(p, cdf[i], sf[i]);
      return true;
    };
  };
  return solve_points(x.size(), 256, threads, start, [&](Index k) { return x[order[static_cast<std::size_t>(k)]]; });
}

SolveReport GramLaw::resolvent(const std::vector<Complex>& z, std::vector<Complex>& g, int threads) const {
  g.resize(z.size());
  const auto start = [&] {
    return [&](Index k, Tally& tally) {
      check_interrupt();
      const Complex each = z[static_cast<std::size_t>(k)];
      check::that(each.imag() >= 0 && std::isfinite(size(each)) && each != 0.0,
                  "resolvent: z must be finite, not 0, and not below the real axis, got ", each);
      const auto go = [&](Point& p, bool real) { return solve(p, each.real(), each.imag(), real, tally); };
      Point p{};
      // Where z is above the axis by less than rounding, as it is on it.
      const bool good = (each.imag() == 0 && go(p, true)) || go(p, false) || solve(p, each.real(), 0, true, tally);
      const Complex r = inverse(p.s), linear = zeta_ * r;
      const Complex q = wide_ * (rest_ > 0 ? rest_ * inverse(p.y) + linear : linear);
      const Complex one = size(q) > 0.5 ? times(times(p.t, r), times(p.y - other_, inverse(p.y))) : 1.0 + q;
      g[static_cast<std::size_t>(k)] = good ? one / each : Complex(not_a_number, 0);
      return good;
    };
  };
  const auto place = [&](Index k) { return size(z[static_cast<std::size_t>(k)]); };
  return solve_points(static_cast<Index>(z.size()), 16, threads, start, place);
}

}  // namespace deeprmt::nonlinear
