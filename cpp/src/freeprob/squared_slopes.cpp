#include "deeprmt/freeprob/squared_slopes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/clones.hpp"

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
    for (const Panel& panel : panels_)
      for (int i = 0; i < nodes; ++i) mass_at_zero_ += panel.d[i] == 0 ? panel.weight[i] : 0;
    if (std::count_if(atoms_.begin(), atoms_.end(), [](double d) { return d > 0; }) == 1) single_ = mass_above(0);
  }
}

SquaredSlopes SquaredSlopes::two_valued(double p, double flat) {
  Mat<double> d = Mat<double>::Zero(1, nodes), weights = Mat<double>::Zero(1, nodes), ranges(1, 2);
  d(0, 1) = 1;
  weights(0, 0) = flat;
  weights(0, 1) = p;
  ranges << (flat > 0 ? 0 : 1), 1;
  return SquaredSlopes(d, weights, ranges, 1);
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
  if (single_ > 0) {
    const std::complex<double> inverse = 1.0 / p.above, y = single_ * top_ * inverse;
    return {(p.omega - mass_at_zero_ * top_) * inverse, y, -y * inverse};
  }
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
  if (single_ > 0) return mass_at_zero_ * std::arg(p.omega) + single_ * std::arg(p.above);
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

}  // namespace deeprmt::freeprob
