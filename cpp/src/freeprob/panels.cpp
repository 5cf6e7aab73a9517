#include "deeprmt/freeprob/panels.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/parallel.hpp"
#include "small_complex.hpp"

namespace deeprmt::freeprob {
namespace {

using small::Complex;
using small::times;

constexpr double pi = std::numbers::pi;
// Sum of the distances to both ends, in halves: beyond it |v| < 0.47, and 0.47^50 < 4e-17.
constexpr double near_ends = 2.6;
constexpr Index most_moments = 50;

/// int T_k(t) dt.
double integral(Index k) { return k % 2 == 0 ? 2.0 / (1.0 - static_cast<double>(k) * static_cast<double>(k)) : 0.0; }

/// How many terms of a series in v are above rounding.
Index terms_above_rounding(Complex v) {
  const double size = small::square(v);
  if (!(size > 1e-40)) return 2;
  const auto count = static_cast<Index>(-76.0 / std::log(size)) + 2;
  return std::min(most_moments, count);
}

/// p(tau), p'(tau), and the integral of the difference quotient with its derivative.
struct Quotient {
  Complex value, slope, rest, rest_slope;

  Quotient(const double* series, const double* weights, Index n, Complex tau) {
    Complex one = 0, two = 0, d_one = 0, d_two = 0;  // b_(j+1), b_(j+2) and their derivatives
    for (Index j = n - 1; j > 0; --j) {
      const Complex b = series[j] + 2.0 * times(tau, one) - two;
      const Complex d = 2.0 * (one + times(tau, d_one)) - d_two;
      two = one;
      one = b;
      d_two = d_one;
      d_one = d;
      rest += weights[j - 1] * one;
      rest_slope += weights[j - 1] * d_one;
    }
    value = series[0] + times(tau, one) - two;
    slope = one + times(tau, d_one) - d_two;
  }
};

/// 2 int T_j(t) dt, of j = 0 half of it.
const double* quotient_weights() {
  static const std::vector<double> weights = [] {
    std::vector<double> out(most_moments);
    for (Index j = 0; j < most_moments; ++j) out[static_cast<std::size_t>(j)] = (j == 0 ? 1 : 2) * integral(j);
    return out;
  }();
  return weights.data();
}

/// tau + 1, tau - 1, the root of their product, tau, and v.
struct Place {
  Complex above, below, root, tau, v;

  Place(Complex w, double low, double high, double half, bool far) {
    const double inverse = 1 / half;
    above = (w - low) * inverse;  // distances to the ends have digits that tau does not have
    below = (w - high) * inverse;
    tau = (above + below) * 0.5;
    if (!far) return;
    root = std::sqrt(above) * std::sqrt(below);
    v = 1.0 / (tau + root);
  }
};

/// -0.0 would be the limit from below.
Complex from_above(Complex w) { return {w.real(), w.imag() > 0 ? w.imag() : 0.0}; }

}  // namespace

Panels::Panels(VecIn<double> low, VecIn<double> high, MatIn<double> series) {
  const char* name = "Panels";
  const Index n = low.size(), m = series.cols();
  check::at_least(name, "low.size()", n, 1);
  check::that(high.size() == n, name, ": high must be as long as low, got ", high.size(), " and ", n);
  check::that(series.rows() == n && m >= 1 && m < most_moments, name,
              ": series must have a row for each panel, of 1 to ", most_moments - 1, " terms, got ", series.rows(),
              " x ", m);
  check::finite(name, "low", low);
  check::finite(name, "high", high);
  for (Index k = 0; k < n; ++k) {
    check::that(low[k] < high[k] && (k == 0 || high[k - 1] <= low[k]), name,
                ": panels must ascend and be disjoint, but not panel ", k);
    for (Index j = 0; j < m; ++j)
      check::that(std::isfinite(series(k, j)), name, ": series must be finite, but not of panel ", k);
  }
  terms_ = m;
  series_.resize(static_cast<std::size_t>(n * m));
  primitive_.resize(static_cast<std::size_t>(n * (m + 1)));
  for (Index k = 0; k < n; ++k) {
    const double half = (high[k] - low[k]) / 2;
    double mass = 0, first = 0;
    for (Index j = 0; j < m; ++j) {
      series_[static_cast<std::size_t>(k * m + j)] = series(k, j);
      mass += series(k, j) * integral(j);
      first += series(k, j) * (integral(j + 1) + integral(std::abs(j - 1))) / 2;
    }
    // The mass up to t, half sum c_j int_-1^t T_j.
    double* p = primitive_.data() + k * (m + 1);
    for (Index j = 0; j < m; ++j) {
      const double c = half * series(k, j);
      if (j == 0) {
        p[1] += c;
      } else if (j == 1) {
        if (m > 1) p[2] += c / 4;
      } else {
        p[j + 1] += c / (2.0 * static_cast<double>(j + 1));
        p[j - 1] -= c / (2.0 * static_cast<double>(j - 1));
      }
    }
    double at_low = 0;
    for (Index j = 1; j <= m; ++j) at_low += j % 2 == 0 ? p[j] : -p[j];
    p[0] = -at_low;
    leaves_.push_back(
        {low[k], high[k], half, half * mass, k > 0 && high[k - 1] == low[k], k + 1 < n && high[k] == low[k + 1]});
    mass_ += half * mass;
    mean_ += half * (mass * (low[k] + high[k]) / 2 + first * half);
  }
  nodes_.reserve(static_cast<std::size_t>(2 * n));
  moments_.reserve(static_cast<std::size_t>(2 * n * most_moments));
  root_ = build(0, n);
}

double* Panels::moments(Index node) { return moments_.data() + node * most_moments; }
const double* Panels::moments(Index node) const { return moments_.data() + node * most_moments; }

/// The tree over some panels, cut at the middle of the stretch: panels that came from halving are met again.
Index Panels::build(Index first, Index last) {
  const auto leaf = [&](Index k) -> const Leaf& { return leaves_[static_cast<std::size_t>(k)]; };
  const double low = leaf(first).low, high = leaf(last - 1).high, half = (high - low) / 2;
  Node node{low, high, half, -1, first};
  std::vector<double> mine(static_cast<std::size_t>(most_moments), 0.0);
  if (last - first == 1) {
    const double* c = series_.data() + first * terms_;
    for (Index k = 0; k < most_moments; ++k)
      for (Index j = 0; j < terms_; ++j)
        mine[static_cast<std::size_t>(k)] += half * c[j] * (integral(k + j) + integral(std::abs(k - j))) / 2;
    for (std::size_t k = 1; k < mine.size(); ++k) mine[k] *= 2;  // of the series with a prime
  } else {
    const double middle = low + half;
    Index cut = first + 1;
    while (cut < last - 1 && (leaf(cut).low + leaf(cut).high) / 2 < middle) ++cut;
    node.left = build(first, cut);
    node.right = build(cut, last);
    for (const Index child : {node.left, node.right}) {
      const Node& part = nodes_[static_cast<std::size_t>(child)];
      // t of this node is shrink t' + shift: T_k of that as a series in T_j(t').
      const double shrink = part.half / half, shift = ((part.low - low) - (high - part.high)) / (2 * half);
      std::vector<double> before(mine.size(), 0.0), now(mine.size(), 0.0), next(mine.size());
      now[0] = 1;
      const double* theirs = moments(child);
      for (std::size_t k = 0; k < mine.size(); ++k) {
        double sum = now[0] * theirs[0];
        for (std::size_t j = 1; j <= k; ++j) sum += now[j] * theirs[j] / 2;
        mine[k] += (k == 0 ? 1 : 2) * sum;
        for (std::size_t j = 0; j < mine.size(); ++j) {  // t' T_j = (T_(j+1) + T_(j-1)) / 2
          const double below = j == 0 ? 0.0 : (j == 1 ? now[0] : now[j - 1] / 2);
          const double above = j + 1 < mine.size() ? now[j + 1] / 2 : 0.0;
          const double product = shrink * (below + above) + shift * now[j];
          next[j] = k == 0 ? product : 2 * product - before[j];
        }
        before.swap(now);
        now.swap(next);
      }
    }
  }
  nodes_.push_back(node);
  moments_.insert(moments_.end(), mine.begin(), mine.end());
  return static_cast<Index>(nodes_.size()) - 1;
}

template <class Far, class Near>
void Panels::visit(Index at, Complex w, const Far& far, const Near& near) const {
  while (true) {
    const Node& node = nodes_[static_cast<std::size_t>(at)];
    const double x = w.real(), y = w.imag(), reach = near_ends * node.half;
    const double a = x - node.low, b = x - node.high;
    if (std::max(std::abs(a) + std::abs(b), 2 * y) >= reach ||
        std::sqrt(a * a + y * y) + std::sqrt(b * b + y * y) >= reach) {
      far(node, moments(at));
      return;
    }
    if (node.left < 0) {
      near(node.right);
      return;
    }
    visit(node.left, w, far, near);
    at = node.right;
  }
}

void Panels::cauchy(Complex w, Complex& value, Complex& slope) const {
  if (w.imag() < 0) {
    cauchy(std::conj(w), value, slope);
    value = std::conj(value);
    slope = std::conj(slope);
    return;
  }
  w = from_above(w);
  value = slope = 0;
  const double* weights = quotient_weights();
  const auto far = [&](const Node& node, const double* m) {
    const Place at(w, node.low, node.high, node.half, true);
    const Index count = terms_above_rounding(at.v);
    Complex sum = 0, change = 0;
    for (Index k = count - 1; k >= 0; --k) {
      change = times(change, at.v) + sum;
      sum = times(sum, at.v) + m[k];
    }
    const Complex inverse = 1.0 / at.root;
    value += times(sum, inverse) / node.half;
    slope -= times(times(change, at.v) + times(times(sum, at.tau), inverse), times(inverse, inverse)) /
             (node.half * node.half);
  };
  const auto near = [&](Index k) {
    const Leaf& leaf = leaves_[static_cast<std::size_t>(k)];
    const Place at(w, leaf.low, leaf.high, leaf.half, false);
    const Quotient q(series_.data() + k * terms_, weights, terms_, at.tau);
    // ln(tau + 1) - ln(tau - 1), from above. Where two panels touch, what is infinite of one is that of the other.
    Complex log = 0, jump = 0;
    const auto add = [&](Complex end, bool touches, double sign) {
      if (touches && end == 0.0) {
        log += sign * Complex(-std::log(leaf.half), pi / 2);
        return;
      }
      log += sign * std::log(end);
      jump += sign / end;
    };
    add(at.above, leaf.after_low, 1);
    add(from_above(at.below), leaf.before_high, -1);
    value += times(q.value, log) - q.rest;
    slope += (times(q.slope, log) + times(q.value, jump) - q.rest_slope) / leaf.half;
  };
  visit(root_, w, far, near);
}

Complex Panels::potential(Complex w) const {
  if (w.imag() < 0) return std::conj(potential(std::conj(w)));
  w = from_above(w);
  Complex out = 0;
  const double* weights = quotient_weights();
  const auto far = [&](const Node& node, const double* m) {
    const Place at(w, node.low, node.high, node.half, true);
    Complex sum = 0;
    for (Index k = terms_above_rounding(at.v) - 1; k > 0; --k) sum = times(sum + m[k] / static_cast<double>(k), at.v);
    out += m[0] * (std::log(node.half / 2) - std::log(at.v)) - sum;
  };
  const auto near = [&](Index k) {  // by parts: mass log(w - high) + int R dx / (w - x), R the mass up to x
    const Leaf& leaf = leaves_[static_cast<std::size_t>(k)];
    const Place at(w, leaf.low, leaf.high, leaf.half, false);
    const Quotient q(primitive_.data() + k * (terms_ + 1), weights, terms_ + 1, at.tau);
    out += leaf.mass * std::log(leaf.half) - q.rest;
    if (at.above != 0.0) out += times(q.value, std::log(at.above));
    if (at.below != 0.0) out += times(leaf.mass - q.value, std::log(from_above(at.below)));
  };
  visit(root_, w, far, near);
  return out;
}

void Panels::sums(VecIn<Complex> w, VecOut<Complex> value, VecOut<Complex> slope, int threads) const {
  check::that(value.size() == w.size() && slope.size() == w.size(),
              "Panels.sums: value and slope must be as long as w");
  threads = useful_threads(2e4 * static_cast<double>(w.size()), threads);
  parallel_ranges(w.size(), 32, threads, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) cauchy(w[i], value[i], slope[i]);
  });
}

void Panels::arguments(VecIn<Complex> w, VecOut<double> out, int threads) const {
  check::that(out.size() == w.size(), "Panels.arguments: out must be as long as w");
  threads = useful_threads(2e4 * static_cast<double>(w.size()), threads);
  parallel_ranges(w.size(), 32, threads, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) out[i] = potential(w[i]).imag();
  });
}

}  // namespace deeprmt::freeprob
