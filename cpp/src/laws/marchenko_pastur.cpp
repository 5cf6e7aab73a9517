#include "deeprmt/laws/marchenko_pastur.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "deeprmt/core/check.hpp"

namespace deeprmt::laws {
namespace {

using std::numbers::pi;

// Gauss-Legendre points and weights of (0, 1); the other eight mirror these.
constexpr std::array<double, 8> points{0.0052995325041750337, 0.027712488463383712, 0.0671843988060841281,
                                       0.122297795822498483,  0.191061877798678126, 0.270991611171386307,
                                       0.359198224610370543,  0.45249374508118128};
constexpr std::array<double, 8> weights{0.0135762297058770474, 0.0311267619693239464, 0.0475792558412463924,
                                        0.062314485627766936,  0.074797994408288366,  0.0845782596975012691,
                                        0.0913017075224617944, 0.0947253052275342481};

/// int_0^v u^2 du / ((1 + u^2)^2 (1 + k2 u^2))
double integral(double v, double k2) {
  double sum = 0;
  const auto term = [&](double s) {
    const double u2 = s * s * v * v, one = 1 + u2;
    return s * s / (one * one * (1 + k2 * u2));
  };
  for (std::size_t i = 0; i < points.size(); ++i) sum += weights[i] * (term(points[i]) + term(1 - points[i]));
  return v * v * v * sum;
}

// Arithmetic on numbers of two doubles, head + rest, good to about 2^-100.
using Pair = MarchenkoPastur::Pair;

Pair sum(double a, const Pair& b) {
  const double head = a + b.head, back = head - a;
  const double rest = (a - (head - back)) + (b.head - back) + b.rest;
  return {head + rest, rest - ((head + rest) - head)};
}

Pair product(const Pair& a, const Pair& b) {
  const double head = a.head * b.head, rest = std::fma(a.head, b.head, -head) + (a.head * b.rest + a.rest * b.head);
  return {head + rest, rest - ((head + rest) - head)};
}

Pair square_root(double a) {
  const double head = std::sqrt(a);
  return {head, std::fma(-head, head, a) / (2 * head)};
}

}  // namespace

MarchenkoPastur::MarchenkoPastur(double aspect, double sigma, bool singular)
    : scale_(2 * pi * sigma * sigma * aspect),
      atom_(aspect > 1 ? 1 - 1 / aspect : 0.0),
      weight_(aspect > 1 ? 1 / aspect : 1.0),
      r_(aspect > 1 ? 1 / std::sqrt(aspect) : std::sqrt(aspect)),
      inner_(std::abs(1 - aspect) / (1 + std::sqrt(aspect)) / std::max(1.0, std::sqrt(aspect))),
      singular_(singular) {
  const Pair root = square_root(aspect), wide{sigma, 0};
  const auto edge = [&](const Pair& factor) {
    const Pair value = product(wide, factor);
    return singular ? value : product(value, value);
  };
  high_ = edge(sum(1, root));
  const Pair gap = sum(1, {-root.head, -root.rest});
  low_ = edge(gap.head < 0 ? Pair{-gap.head, -gap.rest} : gap);
  check::that(aspect > 0 && sigma > 0 && std::isnormal(scale_) && std::isfinite(high_.head * high_.head),
              "MarchenkoPastur: aspect and sigma must be positive, and the edges within the range of doubles, got ",
              aspect, " and ", sigma);
  // The edges are 4 sqrt(aspect) apart, relative to where they are: fewer than 180 doubles lie between closer ones.
  check::that(std::min(aspect, 1 / aspect) >= 1e-28,
              "MarchenkoPastur: aspect must be in [1e-28, 1e28], where doubles tell the edges apart, got ", aspect);
}

double MarchenkoPastur::above_low(double x) const {
  const double d = x - low_.head;
  if (!(d > 0)) return 0;
  return singular_ ? (d - low_.rest) * (x + low_.head) : d - low_.rest;
}

double MarchenkoPastur::below_high(double x) const {
  const double d = high_.head - x;
  if (!(d > 0)) return 0;
  return singular_ ? (d + high_.rest) * (x + high_.head) : d + high_.rest;
}

double MarchenkoPastur::pdf(double x) const {
  if (x < low_.head || x > high_.head) return 0;
  const double high = below_high(x);
  if (low_.head == 0)
    return singular_ ? 2 * std::sqrt(high) / scale_ : std::sqrt(high) / std::sqrt(x) / scale_;  // hard edge
  const double root = std::sqrt(above_low(x)) * std::sqrt(high) / scale_;
  return singular_ ? 2 * root / x : root / x;
}

/// The part of the continuous law below x, or above it.
double MarchenkoPastur::share(double x, bool upper) const {
  const double low = above_low(x), high = below_high(x);
  if (low <= 0 || high <= 0) return (low <= 0) == upper ? 1.0 : 0.0;
  const double r = r_, inner = inner_, v = std::sqrt(low) / std::sqrt(high);
  if (v >= 1) {
    const double k = inner / (1 + r), above = 16 / (pi * (1 + r) * (1 + r)) * integral(1 / v, k * k);
    return upper ? above : 1 - above;
  }
  double below;
  if (inner > 0 && (1 + r) * v <= 1.5 * inner) {
    const double k = (1 + r) / inner;
    below = 16 / (pi * inner * inner) * integral(v, k * k);
  } else {
    const double theta = 2 * std::atan(v), sine = 2 * v / (1 + v * v), versine = v * sine;  // 1 - cos theta
    const double angle = std::atan2(r * sine, inner + r * versine);
    below = (theta + sine / r - inner * (1 + r) / (r * r) * angle) / pi;
  }
  return upper ? 1 - below : below;
}

double MarchenkoPastur::cdf(double x) const { return x < 0 ? 0.0 : atom_ + weight_ * share(x, false); }
double MarchenkoPastur::sf(double x) const { return x < 0 ? 1.0 : weight_ * share(x, true); }

}  // namespace deeprmt::laws
