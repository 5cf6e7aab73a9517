#include "deeprmt/tails/alternatives.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"

namespace deeprmt::tails {
namespace {

constexpr int points = 24;  // of Gauss' rule on each piece
constexpr int most_steps = 200;
constexpr double near = 1e-10;  // a gain of the mean log-likelihood that its rounding may hide

struct Rule {
  std::array<double, points> node, weight;
};

/// Gauss and Legendre on [-1, 1]: roots by Newton's method from their well-known approximation.
Rule legendre() {
  Rule rule;
  for (int i = 0; i < points; ++i) {
    double x = -std::cos(std::numbers::pi * (i + 0.75) / (points + 0.5)), slope = 1;
    for (int round = 0; round < 8; ++round) {
      double before = 1, now = x;
      for (int k = 2; k <= points; ++k) {
        const double next = ((2 * k - 1) * x * now - (k - 1) * before) / k;
        before = now;
        now = next;
      }
      slope = points * (x * now - before) / (x * x - 1);
      x -= now / slope;
    }
    rule.node[i] = x;
    rule.weight[i] = 2 / ((1 - x * x) * slope * slope);
  }
  return rule;
}

/// log(e^u - 1), u >= 0.
double log_growth(double u) { return u + std::log(-std::expm1(-u)); }

class Lognormal {
 public:
  explicit Lognormal(double longest) : longest_(longest) {}
  double g(double u) const { return (u / longest_) * (u / longest_); }
  double peak(double theta, double kappa) const { return -theta / (2 * kappa) * longest_ * longest_; }
  double crossing(double theta, double kappa, double level, int) const {
    const double q = kappa / longest_ / longest_;
    if (theta < 0) return std::sqrt(level / q);
    return 2 * level / (theta + std::sqrt(theta * theta + 4 * q * level));
  }

 private:
  double longest_;
};

class Truncated {
 public:
  explicit Truncated(double longest) : log_longest_(log_growth(longest)), inverse_(std::exp(-log_longest_)) {}
  double g(double u) const {
    if (u < 300 && inverse_ > 1e-150) return std::expm1(u) * inverse_;
    return std::exp(std::min(log_growth(u) - log_longest_, 700.0));
  }
  double peak(double theta, double kappa) const { return theta < 0 ? std::log(-theta / kappa) + log_longest_ : 0; }

  /// By Newton's method from the far side of a convex function, which never oversteps; digits do not matter here.
  /// Bounds: e^x - 1 - x is at least x^2 / 2, and half of e^x - 1 from x = 1.26 on.
  double crossing(double theta, double kappa, double level, int sign) const {
    const double log_c = std::log(kappa) - log_longest_;
    // The peak may lie inside: from there the exponent falls by -theta (e^x - 1 - x).
    const bool inside = theta < 0 && std::log(-theta) > log_c;
    const double reach = std::log(2 * level) - (inside ? std::log(-theta) : log_c);
    double x = std::min(std::exp(reach / 2), std::max(1.26, reach + 0.3));
    if (inside && sign < 0)
      x = 1 + std::exp(reach) / 2;
    else if (theta >= 0)
      x = std::min(theta > 0 ? level / theta : std::numeric_limits<double>::infinity(),
                   std::max(reach, 0.0) + std::numbers::ln2);
    for (int round = 0; round < 60; ++round) {
      double fall, slope;
      if (inside) {
        const double e = std::expm1(sign * x);
        fall = -theta * (e - sign * x);
        slope = -theta * sign * e;
      } else {
        const double e = std::exp(log_c + x);
        slope = theta + e;
        fall = theta * x + e - std::exp(log_c);
      }
      const double step = (fall - level) / slope;
      x -= step;
      if (!(step > 1e-3 * x)) break;
    }
    return x;
  }

 private:
  double log_longest_, inverse_;
};

/// Scoring steps in theta and kappa, quartered where they do not gain. Integrals by Gauss' rule on pieces between which
/// the exponent falls by a few units.
template <class Family>
class Bent {
 public:
  Bent(const Family& family, double mean_u, double mean_g) : family_(family), u_(mean_u), g_(mean_g) {}

  struct State {
    double theta, kappa, value = 0, log_total = 0;  ///< log_total: of the integral
    double d_theta = 0, d_kappa = 0;                ///< the gradient of the mean log-likelihood
    double tt = 0, tk = 0, kk = 0;                  ///< the features' covariance
  };

  State at(double theta, double kappa) {
    static const Rule rule = legendre();
    const double top = place_corners(theta, kappa);
    node_.clear(), feature_.clear(), weight_.clear();
    double total = 0, sum_u = 0, sum_g = 0;
    for (std::size_t piece = 0; piece + 1 < corner_.size(); ++piece) {
      const double half = (corner_[piece + 1] - corner_[piece]) / 2, middle = (corner_[piece + 1] + corner_[piece]) / 2;
      if (!(half > 0)) continue;
      for (int i = 0; i < points; ++i) {
        const double u = middle + half * rule.node[i], g = family_.g(u);
        const double w = half * rule.weight[i] * std::exp(-theta * u - kappa * g - top);
        if (w == 0) continue;  // g may overflow there
        node_.push_back(u), feature_.push_back(g), weight_.push_back(w);
        total += w, sum_u += w * u, sum_g += w * g;
      }
    }
    State s{theta, kappa};
    s.log_total = std::log(total) + top;
    s.value = -theta * u_ - kappa * g_ - s.log_total;
    const double mean_u = sum_u / total, mean_g = sum_g / total;
    s.d_theta = mean_u - u_;
    s.d_kappa = mean_g - g_;
    for (std::size_t i = 0; i < node_.size(); ++i) {
      const double a = node_[i] - mean_u, b = feature_[i] - mean_g, p = weight_[i] / total;
      s.tt += p * a * a, s.tk += p * a * b, s.kk += p * b * b;
    }
    return s;
  }

  BentFit fit(VecIn<double> u, VecOut<double> log_density) {
    State s = at(0, 1);
    double gain = 0, before = 1;
    int round = 0;
    for (; round < most_steps; ++round) {
      check_interrupt();
      auto [step, other] = scoring(s);
      gain = s.d_theta * step + s.d_kappa * other;
      // Steps are Newton's: near the end each gains the square of the last, down to rounding.
      if (!(gain >= 1e-22) || (gain < near && gain > before / 4)) break;
      before = gain;
      if (other < -0.9 * s.kappa) {  // towards the boundary: as far as this, and theta where it is best then
        other = -0.9 * s.kappa;
        step = (s.d_theta - s.tk * other) / s.tt;
      }
      bool is_better = false;
      for (double length = 1; length > 1e-9 && !is_better; length /= 4) {
        const State trial = at(s.theta + length * step, s.kappa + length * other);
        if (trial.value > s.value || gain < near) {  // the value itself no longer shows such a gain
          s = trial;
          is_better = true;
        }
      }
      if (!is_better) break;  // the maximum to rounding
    }
    for (Index i = 0; i < u.size(); ++i) log_density[i] = -s.theta * u[i] - s.kappa * family_.g(u[i]) - s.log_total;
    return {s.theta, s.kappa, round == most_steps ? gain : 0};
  }

 private:
  /// Pieces' ends into corner_; returns the largest exponent.
  double place_corners(double theta, double kappa) {
    const double start = std::max(family_.peak(theta, kappa), 0.0);
    corner_.assign(1, start);
    for (const int sign : {1, -1}) {
      if (sign < 0 && !(start > 0)) break;
      double first = 0;
      for (const double level : {1.0, 4.0, 10.0, 20.0, 42.0}) {
        const double end = std::max(start + sign * family_.crossing(theta, kappa, level, sign), 0.0);
        if (level == 1.0) first = end;
        corner_.push_back(end);
      }
      // A long flat stretch may end abruptly, over a distance of 1: pieces that halve towards that end.
      for (double piece = 1; piece < std::abs(first - start); piece *= 2) corner_.push_back(first - sign * piece);
    }
    std::sort(corner_.begin(), corner_.end());
    return -theta * start - kappa * family_.g(start);
  }

  /// The covariance's solution for the gradient, both scaled to unit variances; what is singular to rounding is left.
  static std::pair<double, double> scoring(const State& s) {
    const double a = std::sqrt(s.tt), b = std::sqrt(s.kk), c = s.tk / (a * b);
    const double x = s.d_theta / a, y = s.d_kappa / b, even = (x + y) / 2, odd = (x - y) / 2;
    const double least = 1e-15 * (1 + std::abs(c));
    const double p = 1 + c > least ? even / (1 + c) : 0, q = 1 - c > least ? odd / (1 - c) : 0;
    return {(p + q) / a, (p - q) / b};
  }

  Family family_;
  double u_, g_;
  std::vector<double> corner_, node_, feature_, weight_;
};

template <class Family>
BentFit fit_family(VecIn<double> u, VecOut<double> log_density) {
  check::at_least("fit_bent", "the number of values", u.size(), 2);
  const double longest = u.maxCoeff();
  check::that(longest > 0 && std::isfinite(longest), "fit_bent: the largest u must be positive and finite, got ",
              longest);
  const Family family(longest);
  double mean_u = 0, mean_g = 0;
  for (Index i = 0; i < u.size(); ++i) mean_u += u[i], mean_g += family.g(u[i]);
  const auto n = static_cast<double>(u.size());
  return Bent<Family>(family, mean_u / n, mean_g / n).fit(u, log_density);
}

/// d/db log mean((e^(b u) - 1) / b) less the mean of u: ascends in b through 0 at the best shape.
double excess(VecIn<double> u, double mean, double longest, double b) {
  const double top = log_growth(b * longest);
  double total = 0, sum = 0;
  for (Index i = 0; i < u.size(); ++i) {
    const double z = b * u[i];
    if (!(z > 0)) continue;
    const double weight = z < 300 && top < 600 ? std::expm1(z) * std::exp(-top) : std::exp(log_growth(z) - top);
    const double inner = z < 1e-2 ? 0.5 + z / 12 * (1 - z * z / 60) : 1 / -std::expm1(-z) - 1 / z;
    total += weight;
    sum += weight * u[i] * inner;
  }
  return sum / total - mean;
}

}  // namespace

BentFit fit_lognormal(VecIn<double> u, VecOut<double> log_density) { return fit_family<Lognormal>(u, log_density); }

BentFit fit_truncated(VecIn<double> u, VecOut<double> log_density) { return fit_family<Truncated>(u, log_density); }

double stretched_shape(VecIn<double> u) {
  check::at_least("stretched_shape", "the number of values", u.size(), 2);
  const double mean = u.mean(), longest = u.maxCoeff();
  check::that(longest > 0 && std::isfinite(longest), "stretched_shape: the largest u must be positive and finite, got ",
              longest);
  double low = 1e-8 / mean, high = 1 / mean;
  double at_high = excess(u, mean, longest, high);
  while (at_high < 0) {
    check_interrupt();
    low = high;
    high *= 2;
    at_high = excess(u, mean, longest, high);
  }
  double at_low = excess(u, mean, longest, low);
  if (at_low >= 0) return 0;  // the shape is 0 to all digits
  // Regula falsi; an end that stays twice is weighted down, and every third step halves a bracket that shrinks slowly.
  double f_low = at_low, f_high = at_high, width = high - low;
  int side = 0;
  for (int round = 0; round < 300 && high - low > 1e-15 * high; ++round) {
    double b = low + (high - low) * (f_low / (f_low - f_high));
    if (round % 3 == 2) {
      if (high - low > width / 2) b = low + (high - low) / 2;
      width = high - low;
    }
    if (!(b > low && b < high)) b = low + (high - low) / 2;
    if (!(b > low && b < high)) break;
    const double f = excess(u, mean, longest, b);
    if (f == 0) return b;
    if (f < 0) {
      low = b, f_low = f;
      if (side < 0) f_high /= 2;
      side = -1;
    } else {
      high = b, f_high = f;
      if (side > 0) f_low /= 2;
      side = 1;
    }
  }
  return low + (high - low) / 2;
}

}  // namespace deeprmt::tails
