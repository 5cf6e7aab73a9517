#include "deeprmt/freeprob/equal_layers.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"

namespace deeprmt::freeprob {
namespace {

constexpr int nodes = SquaredSlopes::nodes;
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double pi = std::numbers::pi;
constexpr double interpolated = 1e-14;  // how well values inside a panel are known, against its largest

struct Sums {
  alignas(64) double value[6][nodes] = {};
};

/// Adds a panel to the lane sums of w Re, w Im of 1/(omega-d), of d/(omega-d), and of d/(omega-d)^2.
DEEPRMT_LEAF void add_panel_loop(const double* d, const double* weight, const double* offset, const double* is_near_top,
                                 double omega, double above, double height, Sums& sums) {
  for (int i = 0; i < nodes; ++i) {
    const double re = (is_near_top[i] != 0 ? above : omega) + offset[i];
    const double inverse = 1 / (re * re + height * height);
    const double c = re * inverse, s = height * inverse, w = weight[i], wd = w * d[i];  // 1/(omega-d) = c - i s
    sums.value[0][i] += w * c;
    sums.value[1][i] += w * s;
    sums.value[2][i] += wd * c;
    sums.value[3][i] += wd * s;
    sums.value[4][i] += wd * (c * c - s * s);
    sums.value[5][i] += wd * c * s;
  }
}
constexpr auto add_panel = clones<add_panel_loop>;

/// Gauss-Legendre nodes on [-1, 1], and what takes values at a panel's nodes to those of its halves.
struct Legendre {
  std::array<double, nodes> node, weight;
  std::array<std::array<double, nodes>, nodes> to_half[2];

  Legendre() {
    for (int i = 0; i < nodes; ++i) {
      double x = -std::cos(pi * (i + 0.75) / (nodes + 0.5)), slope = 1;
      for (int step = 0; step < 100; ++step) {
        double p = 1, before = 0;
        for (int k = 0; k < nodes; ++k) before = std::exchange(p, ((2 * k + 1) * x * p - k * before) / (k + 1));
        slope = nodes * (x * p - before) / (x * x - 1);
        const double change = p / slope;
        x -= change;
        if (std::abs(change) < 1e-16) break;
      }
      node[i] = x;
      weight[i] = 2 / ((1 - x * x) * slope * slope);
    }
    for (int side = 0; side < 2; ++side)
      for (int i = 0; i < nodes; ++i)
        for (int j = 0; j < nodes; ++j) {
          const double x = (node[i] + (side == 0 ? -1 : 1)) / 2;
          double product = 1;
          for (int k = 0; k < nodes; ++k)
            if (k != j) product *= (x - node[k]) / (node[j] - node[k]);
          to_half[side][i][j] = product;
        }
  }
};

const Legendre& legendre() {
  static const Legendre rule;
  return rule;
}

}  // namespace

SquaredSlopes::SquaredSlopes(MatIn<double> d, MatIn<double> weights, MatIn<double> ranges, Index levels) {
  const char* name = "SquaredSlopes";
  check::at_least(name, "levels", levels, 1);
  check::at_least(name, "d.rows()", d.rows(), 1);
  check::shape(name, "d", d, d.rows(), nodes);
  check::shape(name, "weights", weights, d.rows(), nodes);
  check::shape(name, "ranges", ranges, d.rows(), 2);
  check::finite(name, "d", d);
  check::finite(name, "weights", weights);
  check::finite(name, "ranges", ranges);
  check::that(d.minCoeff() >= 0 && ranges.minCoeff() >= 0, name, ": squared slopes must be at least 0");
  check::that(weights.minCoeff() >= 0, name, ": weights must be at least 0");
  const Index whole = (Index{1} << levels) - 1;
  check::that(d.rows() % whole == 0, name, ": ", d.rows(), " panels do not make ", levels, " levels");
  const Index base = d.rows() / whole;
  for (Index k = 0; k <= levels; ++k) level_start_.push_back(static_cast<std::size_t>(base * ((Index{1} << k) - 1)));
  top_ = ranges.topRows(base).maxCoeff();
  bottom_ = ranges.topRows(base).minCoeff();
  check::that(top_ > 0, name, ": all slopes are 0");
  panels_.resize(static_cast<std::size_t>(d.rows()));
  for (Index p = 0; p < d.rows(); ++p) {
    Panel& panel = panels_[static_cast<std::size_t>(p)];
    panel.low = ranges(p, 0);
    panel.high = ranges(p, 1);
    // Panels that may be halved keep to one side, so that their offsets interpolate.
    for (int i = 0; i < nodes; ++i) {
      const double place = levels == 1 ? d(p, i) : (panel.low + panel.high) / 2;
      panel.set(i, d(p, i), weights(p, i), place > top_ / 2, top_);
    }
    // Towards a zero of phi' inside, slopes are known to rounding of their neighbours.
    if (levels > 1 && p >= base * ((Index{1} << (levels - 1)) - 1) && panel.low < 1e-4 * panel.high)
      resolved_ = std::max(resolved_, interpolated * interpolated * panel.high);
  }
  if (levels == 1) {
    for (const Panel& panel : panels_)
      for (int i = 0; i < nodes; ++i)
        if (panel.weight[i] > 0) atoms_.push_back(panel.d[i]);
    std::sort(atoms_.begin(), atoms_.end());
    atoms_.erase(std::unique(atoms_.begin(), atoms_.end()), atoms_.end());
  }
}

void SquaredSlopes::move(Point& p, std::complex<double> step) const {
  if (std::abs(p.omega) < std::abs(p.above)) {
    p.omega += step;
    p.above = p.omega - top_;
  } else {
    p.above += step;
    p.omega = p.above + top_;
  }
}

/// 16 Gauss nodes are exact to rounding for a pole further off than about 1.5 half-widths.
bool SquaredSlopes::far(const Panel& panel, std::complex<double> omega) {
  const double beside = std::max({panel.low - omega.real(), omega.real() - panel.high, 0.0});
  const double apart = 0.75 * (panel.high - panel.low);
  return beside * beside + omega.imag() * omega.imag() >= apart * apart;
}

/// Calls each(panel) for panels that cover the law once, each short against its distance from omega: stored ones, then
/// halves by interpolation, until the rest is a millionth of a millionth of the finest.
template <class Visit>
void SquaredSlopes::visit(std::complex<double> omega, const Visit& each) const {
  struct Place {
    std::size_t level, index;
  };
  const std::size_t levels = level_start_.size() - 1, base = level_start_[1];
  std::array<Place, 64> stack;
  for (std::size_t first = 0; first < base; ++first) {
    std::size_t depth = 0;
    stack[depth++] = {0, first};
    while (depth > 0) {
      const Place place = stack[--depth];
      const Panel& panel = panels_[level_start_[place.level] + place.index];
      if (levels == 1 || panel.high - panel.low <= 1e-13 * panel.high || far(panel, omega)) {
        each(panel);
      } else if (place.level + 1 < levels) {
        stack[depth++] = {place.level + 1, 2 * place.index + 1};
        stack[depth++] = {place.level + 1, 2 * place.index};
      } else {
        // Interpolation is right to rounding of the panel's largest number, and no finer.
        const double* values = panel.is_near_top[0] != 0 ? panel.offset : panel.root;
        visit_halves(panel, omega, 60, interpolated * *std::max_element(values, values + nodes), each);
      }
    }
  }
}

template <class Visit>
void SquaredSlopes::visit_halves(const Panel& panel, std::complex<double> omega, int depth, double rounding,
                                 const Visit& each) const {
  const Legendre& rule = legendre();
  const bool near_top = panel.is_near_top[0] != 0;
  const double* values = near_top ? panel.offset : panel.root;
  double density[nodes];
  for (int j = 0; j < nodes; ++j) density[j] = panel.weight[j] / rule.weight[j];
  for (int side = 0; side < 2; ++side) {
    Panel half;
    double least = infinity, largest = -infinity;
    for (int i = 0; i < nodes; ++i) {
      double value = 0, weight = 0;
      for (int j = 0; j < nodes; ++j) {
        value += rule.to_half[side][i][j] * values[j];
        weight += rule.to_half[side][i][j] * density[j];
      }
      half.set(i, near_top ? top_ - value : value * value, weight * rule.weight[i] / 2, near_top, top_);
      (near_top ? half.offset : half.root)[i] = value;
      least = std::min(least, value);
      largest = std::max(largest, value);
    }
    // The range up to the ends, which are a little beyond the outermost nodes.
    half.low = *std::min_element(half.d, half.d + nodes);
    half.high = *std::max_element(half.d, half.d + nodes);
    const double beyond = 0.01 * (half.high - half.low);
    half.low -= beyond;
    half.high += beyond;
    if (depth == 0 || largest - least <= rounding || far(half, omega))
      each(half);
    else
      visit_halves(half, omega, depth - 1, rounding, each);
  }
}

SquaredSlopes::Moments SquaredSlopes::moments(const Point& p) const {
  Sums sums;
  const double height = p.omega.imag();
  visit(p.omega, [&](const Panel& panel) {
    add_panel(panel.d, panel.weight, panel.offset, panel.is_near_top, p.omega.real(), p.above.real(), height, sums);
  });
  double s[6] = {};
  for (int k = 0; k < 6; ++k)
    for (int i = 0; i < nodes; ++i) s[k] += sums.value[k][i];
  // Both have the same imaginary part; taken from the sum it never has the wrong sign.
  return {{p.omega.real() * s[0] + height * s[1], -s[3]}, {s[2], -s[3]}, {-s[4], 2 * s[5]}};
}

void SquaredSlopes::Panel::set(int i, double value, double mass, bool near_top, double top) {
  d[i] = value;
  root[i] = std::sqrt(std::max(value, 0.0));
  weight[i] = mass;
  is_near_top[i] = near_top;
  offset[i] = near_top ? top - value : -value;
}

double SquaredSlopes::mean_argument(const Point& p) const {
  double sum = 0;
  visit(p.omega, [&](const Panel& panel) {
    for (int i = 0; i < nodes; ++i) {
      const double base = panel.is_near_top[i] != 0 ? p.above.real() : p.omega.real();
      if (panel.weight[i] > 0) sum += panel.weight[i] * std::atan2(p.omega.imag(), base + panel.offset[i]);
    }
  });
  return sum;
}

double SquaredSlopes::mass_above(double x) const {
  double sum = 0;
  for (std::size_t p = 0; p < level_start_[1]; ++p)
    for (int i = 0; i < nodes; ++i)
      if (panels_[p].d[i] > x) sum += panels_[p].weight[i];
  return sum;
}

EqualLayers::EqualLayers(SquaredSlopes slopes, Index diagonals, Index gaussians, double log_scale)
    : slopes_(std::move(slopes)),
      diagonals_(static_cast<double>(diagonals)),
      gaussians_(static_cast<double>(gaussians)),
      log_scale_(log_scale) {
  check::at_least("EqualLayers", "diagonals", diagonals, 1);
  check::at_least("EqualLayers", "gaussians", gaussians, 0);
  check::that(std::isfinite(log_scale), "EqualLayers: log_scale must be finite, got ", log_scale);
  const auto& atoms = slopes_.atoms();
  check::that(gaussians > 0 || (diagonals > 1 && atoms.size() != 1),
              "EqualLayers: without Gaussian weights the law needs two diagonals that are not constant");
  // Intervals between the slopes, where omega may be real.
  if (slopes_.bottom() > 0) find_gaps(0, slopes_.bottom());
  for (std::size_t i = 1; i < atoms.size(); ++i) find_gaps(atoms[i - 1], atoms[i]);
  find_right_end();
  if (slopes_.resolved() > 0) log_floor_ = real_log_z(slopes_.at(-slopes_.resolved()));
}

// In the formula of the header the terms in (n - 1) are put together, so that nothing cancels where y is large.
EqualLayers::Value EqualLayers::value(const Point& p) const {
  const auto m = slopes_.moments(p);
  const double n = diagonals_, g = gaussians_;
  // ln y - ln(1 + y), each principal; for large y their difference would be lost in rounding.
  const Complex ratio = std::abs(m.y) > 4 ? -std::log(1.0 + 1.0 / m.y) : std::log(m.y) - std::log(m.one_plus_y);
  const Complex a = g * std::log(m.one_plus_y), b = (n - 1) * ratio, c = n * std::log(p.omega);
  const double rounding = 4e-16 * (1 + std::abs(log_scale_) + std::abs(a) + std::abs(b) + std::abs(c));
  return {log_scale_ + a + b + c, m.slope / m.one_plus_y * (g + (n - 1) / m.y) + n / p.omega, m.y, rounding};
}

/// d ln z / d omega at a real omega outside the slopes.
double EqualLayers::real_slope(const Point& p) const {
  const auto m = slopes_.moments(p);
  return m.slope.real() / m.one_plus_y.real() * (gaussians_ + (diagonals_ - 1) / m.y.real()) +
         diagonals_ / p.omega.real();
}

double EqualLayers::real_log_z(const Point& p) const {
  const auto m = slopes_.moments(p);
  const double one_plus_y = m.one_plus_y.real();
  return log_scale_ + gaussians_ * std::log(std::abs(one_plus_y)) +
         (diagonals_ - 1) * std::log(std::abs(m.y.real() / one_plus_y)) +
         diagonals_ * std::log(std::abs(p.omega.real()));
}

/// Solves ln z(omega) = log_z from a guess p in the upper half-plane, and stays there.
bool EqualLayers::newton(Point& p, Complex log_z, int steps) const {
  double last = infinity;
  for (int i = 0; i < steps; ++i) {
    const Value v = value(p);
    Complex step = (log_z - v.log_z) / v.slope;
    const double scale = std::min(std::abs(p.omega), std::abs(p.above));
    double size = std::abs(step);
    if (!std::isfinite(size)) return false;
    if (size > scale / 2) step *= scale / (2 * size);
    if (p.omega.imag() + step.imag() <= 0) step *= 0.9 * p.omega.imag() / -step.imag();
    slopes_.move(p, step);
    size = std::abs(step);
    // Converged, or as far as rounding lets it: close to an edge the slope is small and rounding large.
    if (size <= 1e-14 * scale || (std::abs(log_z - v.log_z) <= v.rounding && size > last / 4)) return true;
    last = size;
  }
  return false;
}

/// The s > 0 with |z(-s)| = e^log_modulus: for z < 0 omega is negative too, and ln |z| increases with ln s.
double EqualLayers::negative_root(double log_modulus) const {
  double low = -infinity, high = infinity, t = 0;
  for (int i = 0; i < 400; ++i) {
    const Point p = slopes_.at(-std::exp(t));
    const double r = real_log_z(p) - log_modulus;
    (r > 0 ? high : low) = t;
    const double step = std::clamp(-r / (p.omega.real() * real_slope(p)), -30.0, 30.0);
    if (std::abs(step) < 1e-13 * std::max(1.0, std::abs(t))) return std::exp(t + step);
    t += step;
    if (t <= low || t >= high) t = (low + high) / 2;
  }
  return std::exp(t);
}

/// omega at |z| e^{i argument}, argument in [0, pi): starts on the negative axis, where it is the root of a monotone
/// function, and turns.
bool EqualLayers::from_afar(Point& p, double log_modulus, double argument) const {
  p = slopes_.at(-negative_root(log_modulus));
  double here = pi, turn = 0.25;
  Complex slope = real_slope(p);
  while (here > argument) {
    const double there = std::max(here - turn, argument);
    Point next = p;
    const Complex step = Complex(0, there - here) / slope;
    const double scale = std::min(std::abs(p.omega), std::abs(p.above));
    bool good = std::abs(step) < scale / 2 && p.omega.imag() + step.imag() > 0;
    if (good) {
      slopes_.move(next, step);
      good = newton(next, {log_modulus, there}, 10) && std::abs(next.omega - p.omega - step) < scale / 4;
    }
    if (good) {
      p = next;
      here = there;
      slope = value(p).slope;
      turn *= 1.5;
    } else {
      turn *= 0.4;
      if (turn < 1e-18) return false;
    }
  }
  return true;
}

/// The end of a real interval of omega, by bisection on the sign of d z / d omega.
EqualLayers::Edge EqualLayers::refine(Point outside, Point inside) const {
  for (int i = 0; i < 200; ++i) {
    check_interrupt();
    Point middle = outside;
    const Complex half = (std::abs(outside.omega) < std::abs(outside.above) ? inside.omega - outside.omega
                                                                            : inside.above - outside.above) /
                         2.0;
    slopes_.move(middle, half);
    if (middle.above == outside.above && middle.omega == outside.omega) break;
    if (middle.above == inside.above && middle.omega == inside.omega) break;
    (real_slope(middle) > 0 ? outside : inside) = middle;
  }
  Point left = outside, right = outside;
  const double h = 1e-5 * std::min(std::abs(outside.omega), std::abs(outside.above));
  slopes_.move(left, -h);
  slopes_.move(right, h);
  return {real_log_z(outside), (real_slope(right) - real_slope(left)) / (2 * h), outside};
}

/// 1 - n (1 - mass) for the atom at d: the mass of the law's own atom at scale d^n, if positive. Such an atom needs
/// that no weight is Gaussian. Bercovici & Voiculescu (1998).
double EqualLayers::atom_left(double d) const {
  const double mass = slopes_.mass_above(std::nextafter(d, 0.0)) - slopes_.mass_above(d);
  return gaussians_ > 0 || slopes_.atoms().empty() ? -1.0 : 1 - diagonals_ * (1 - mass);
}

void EqualLayers::find_right_end() {
  const double top = slopes_.top();
  Point outside = slopes_.at_above(top * 1e8);
  bool found = false;
  double log_x = log_scale_ + diagonals_ * std::log(top);
  if (atom_left(top) < -1e-12) {
    for (double t = std::log(1e8); t > std::log(1e-18) && !found; t -= 0.15) {
      check_interrupt();
      const Point p = slopes_.at_above(top * std::exp(t));
      found = real_slope(p) <= 0;
      if (found)
        edges_.push_back(refine(outside, p));
      else
        outside = p;
    }
    // If not found, the slopes thin out so fast towards the largest one that omega reaches it.
    log_x = found ? edges_.back().log_x : real_log_z(outside);
  }
  gaps_.push_back({std::exp(log_x), infinity, 1.0});
}

/// The images of omega in (low, high), an interval free of slopes, that are real and increase: intervals free of mass.
void EqualLayers::find_gaps(double low, double high) {
  const auto at = [&](double u) {
    const double width = high - low, below = width / (1 + std::exp(u));
    return high == slopes_.top() ? slopes_.at_above(-below) : slopes_.at(low + width / (1 + std::exp(-u)));
  };
  const auto is_free = [&](const Point& p) {
    const auto m = slopes_.moments(p);
    const double y = m.y.real(), one_plus_y = m.one_plus_y.real();
    const bool real = y > 0 || (one_plus_y < 0 && gaussians_ == 0) || (one_plus_y > 0 && diagonals_ == 1);
    return real && p.omega.real() * real_slope(p) > 1e-13 * diagonals_;
  };
  const double end = 36, step = 0.1;
  const int steps = static_cast<int>(2 * end / step);
  bool inside = false;
  Gap gap{};
  for (int i = 0; i <= steps + 1; ++i) {
    check_interrupt();
    const double u = -end + i * step;
    const Point p = at(u);
    const bool now = i <= steps && is_free(p);
    if (now && !inside) {
      const double y = slopes_.moments(p).y.real();
      gap.cdf = 1 + (diagonals_ - 1) * (y < 0) - diagonals_ * slopes_.mass_above(p.omega.real());
      if (i == 0) {
        gap.low = low == 0 ? 0.0 : std::exp(log_scale_ + diagonals_ * std::log(low));
      } else {
        edges_.push_back(refine(p, at(u - step)));
        gap.low = std::exp(edges_.back().log_x);
      }
    } else if (!now && inside) {
      if (i > steps) {
        gap.high = std::exp(slopes_.atoms().empty() ? real_log_z(at(end)) : log_scale_ + diagonals_ * std::log(high));
      } else {
        edges_.push_back(refine(at(u - step), p));
        gap.high = std::exp(edges_.back().log_x);
      }
      if (gap.low == 0) gap.cdf = 0;
      if (gap.high > gap.low * (1 + 1e-14)) gaps_.push_back(gap);
    }
    inside = now;
  }
}

/// omega at x + i0 inside the support: from the last point, from an edge nearby, or from afar.
bool EqualLayers::in_bulk(Point& p, bool& warm, double& last, double log_x) const {
  const double before = std::exchange(last, log_x);
  for (const Edge& edge : edges_) {
    const double square = 2 * (log_x - edge.log_x) / edge.curvature;
    if (std::abs(log_x - edge.log_x) > 1e-4 || square >= 0) continue;
    Point guess = edge.omega;
    slopes_.move(guess, Complex(0, std::sqrt(-square)));
    if (newton(guess, log_x, 30)) {
      p = guess;
      return warm = true;
    }
  }
  if (warm && std::abs(log_x - before) < 1) {
    Point guess = p;
    const Complex step = (log_x - before) / value(p).slope;
    if (std::abs(step) < std::min(std::abs(p.omega), std::abs(p.above)) / 2 && p.omega.imag() + step.imag() > 0) {
      slopes_.move(guess, step);
      if (newton(guess, log_x, 8)) {
        p = guess;
        return true;
      }
    }
  }
  return warm = from_afar(p, log_x, 0);
}

/// in_bulk, or, where x is within rounding of an end of (low, high), at the nearest point that can be told from it.
bool EqualLayers::solve(double low, double high, double x, Point& p, bool& warm, double& last) const {
  const double log_x = std::max(std::log(x), log_floor_);
  if (in_bulk(p, warm, last, log_x)) return true;
  const double inwards = high - x < x - low ? -1 : 1;
  for (double nudge = 1e-15; nudge < 2e-11 && std::min(high - x, x - low) < nudge * x; nudge *= 10)
    if (in_bulk(p, warm, last, log_x + inwards * nudge)) return true;
  return false;
}

EqualLayers::Report EqualLayers::evaluate(VecIn<double> x, VecOut<double> density, VecOut<double> cdf,
                                          int threads) const {
  check::that(density.size() == x.size() && cdf.size() == x.size(), "evaluate: outputs must be as long as x");
  check::that(x.size() == 0 || !x.hasNaN(), "evaluate: x must not be NaN");
  std::vector<Index> order(static_cast<std::size_t>(x.size()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
  std::sort(order.begin(), order.end(), [&](Index a, Index b) { return x[a] < x[b] || (x[a] == x[b] && a < b); });
  std::vector<char> bad(order.size(), 0);
  parallel_ranges(x.size(), 64, threads, [&](Index begin, Index end) {
    Point p{};
    bool warm = false;
    double last = 0;
    for (Index k = begin; k < end; ++k) {
      const Index i = order[static_cast<std::size_t>(k)];
      density[i] = 0;
      cdf[i] = 0;
      if (x[i] <= 0) continue;
      const auto gap = std::find_if(gaps_.begin(), gaps_.end(), [&](const Gap& g) { return x[i] < g.high; });
      if (gap == gaps_.end() || x[i] >= gap->low) {
        cdf[i] = gap == gaps_.end() ? 1.0 : gap->cdf;
      } else if (solve(gap == gaps_.begin() ? 0.0 : std::prev(gap)->high, gap->low, x[i], p, warm, last)) {
        const Value v = value(p);
        density[i] = std::log(x[i]) < log_floor_ ? 0.0 : std::max(-v.y.imag(), 0.0) / (pi * x[i]);
        const double potential =
            (diagonals_ - 1) * std::arg(v.y) + diagonals_ * slopes_.mean_argument(p) + gaussians_ * v.y.imag();
        cdf[i] = std::clamp(1 - potential / pi, 0.0, 1.0);
      } else {
        density[i] = cdf[i] = std::numeric_limits<double>::quiet_NaN();
        bad[static_cast<std::size_t>(k)] = 1;
      }
    }
  });
  Report report;
  for (std::size_t k = bad.size(); k-- > 0;)
    if (bad[k]) {
      ++report.failed;
      report.first_failure = x[order[k]];
    }
  return report;
}

EqualLayers::Report EqualLayers::resolvent(const std::vector<Complex>& z, std::vector<Complex>& g, int threads) const {
  g.resize(z.size());
  std::vector<char> bad(z.size(), 0);
  parallel_ranges(static_cast<Index>(z.size()), 16, threads, [&](Index begin, Index end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      check::that(z[i].imag() >= 0 && std::isfinite(std::abs(z[i])) && z[i] != 0.0,
                  "resolvent: z must be finite, not 0, and not below the real axis, got ", z[i]);
      const double log_modulus = std::log(std::abs(z[i]));
      Point p{};
      if (z[i].imag() == 0 && z[i].real() < 0) {
        p = slopes_.at(-negative_root(log_modulus));
        g[i] = slopes_.moments(p).one_plus_y.real() / z[i].real();
        continue;
      }
      bool warm = false, good = false, real = false;
      double last = 0;
      if (z[i].imag() == 0) {
        const auto gap = std::find_if(gaps_.begin(), gaps_.end(), [&](const Gap& g) { return z[i].real() < g.high; });
        real = gap == gaps_.end() || z[i].real() >= gap->low;
      }
      // In a gap omega is real: come as close as rounding allows.
      if (real)
        good = from_afar(p, log_modulus, 1e-14);
      else if (z[i].imag() == 0)
        good = in_bulk(p, warm, last, std::max(log_modulus, log_floor_));
      else
        good = from_afar(p, log_modulus, std::arg(z[i]));
      g[i] = good ? slopes_.moments(p).one_plus_y / z[i] : Complex(std::numeric_limits<double>::quiet_NaN(), 0);
      if (real && good) g[i] = g[i].real();
      bad[i] = !good;
    }
  });
  Report report;
  for (std::size_t i = bad.size(); i-- > 0;)
    if (bad[i]) {
      ++report.failed;
      report.first_failure = std::abs(z[i]);
    }
  return report;
}

}  // namespace deeprmt::freeprob
