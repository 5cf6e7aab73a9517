#include "deeprmt/freeprob/squared_slopes.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <utility>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/clones.hpp"
#include "logarithm.hpp"

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

/// The same where squares of omega - d may underflow: in units of its larger part.
DEEPRMT_LEAF void add_tiny_panel_loop(const double* d, const double* weight, const double* offset,
                                      const double* is_near_top, double omega, double above, double height,
                                      Sums& sums) {
  for (int i = 0; i < nodes; ++i) {
    const double re = (is_near_top[i] != 0 ? above : omega) + offset[i];
    const double size = re < 0 ? -re : re, unit = size > height ? size : height, x = re / unit, y = height / unit;
    const double inverse = 1 / (x * x + y * y) / unit;
    const double c = x * inverse, s = y * inverse, w = weight[i], wd = w * d[i], wdc = wd * c, wds = wd * s;
    sums.value[0][i] += w * c;
    sums.value[1][i] += w * s;
    sums.value[2][i] += wdc;
    sums.value[3][i] += wds;
    sums.value[4][i] += wdc * c - wds * s;
    sums.value[5][i] += wdc * s;
  }
}
constexpr auto add_tiny_panel = clones<add_tiny_panel_loop>;
constexpr double tiny = 1e-140;  // squares of what is smaller are not taken

constexpr int orders = 25;

/// The sums of w r^(n+1) and w d r^(n+1), r = 1/(omega-d), lane by lane.
struct PowerSums {
  alignas(64) double value[orders][4][nodes] = {};
};
DEEPRMT_LEAF void add_powers_loop(const double* d, const double* weight, const double* offset,
                                  const double* is_near_top, double omega, double above, double height,
                                  PowerSums& sums) {
  double c[nodes], s[nodes], re[nodes], im[nodes];
  for (int i = 0; i < nodes; ++i) {
    const double x = (is_near_top[i] != 0 ? above : omega) + offset[i], inverse = 1 / (x * x + height * height);
    c[i] = x * inverse;
    s[i] = -height * inverse;
    re[i] = weight[i] * c[i];
    im[i] = weight[i] * s[i];
  }
  for (auto& sum : sums.value)
    for (int i = 0; i < nodes; ++i) {
      sum[0][i] += re[i];
      sum[1][i] += im[i];
      sum[2][i] += d[i] * re[i];
      sum[3][i] += d[i] * im[i];
      const double next = re[i] * c[i] - im[i] * s[i];
      im[i] = re[i] * s[i] + im[i] * c[i];
      re[i] = next;
    }
}
constexpr auto add_powers = clones<add_powers_loop>;

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
  } else {
    mass_at_zero_ = std::max(0.0, 1 - mass_above(least));
    if (mass_at_zero_ < 1e-15) mass_at_zero_ = 0;  // the rounding of a sum
    if (mass_at_zero_ > 0) resolved_ = std::max(resolved_, least);
    bundle();
  }
}

/// Under a wide Gaussian most panels lie where phi' has settled, at 0 or elsewhere.
void SquaredSlopes::bundle() {
  const std::size_t base = level_start_[1];
  const auto runs = [&](double from, const auto& joins) {
    for (std::size_t first = 0, last = 0; first < base; first = std::max(last, first + 1)) {
      double low = infinity, high = 0;
      for (last = first; last < base; ++last) {
        low = std::min(low, panels_[last].low);
        high = std::max(high, panels_[last].high);
        if (!joins(low, high)) break;
      }
      if (last > first + 1) bundle(first, last, from);
    }
  };
  runs(0, [](double low, double high) { return high - low <= 4e-16 * low; });
  // Their mean is kept: what is lost is the square of d / omega, and that 25 times over in a series.
  for (const double share : {1e-12, 1e-20, 1e-40, 1e-80, 1e-160})
    runs(1e10 * share * top_, [&](double, double high) { return high <= share * top_; });
  std::sort(bundles_.begin(), bundles_.end(), [](const Bundle& a, const Bundle& b) {
    return a.first != b.first ? a.first < b.first : a.last != b.last ? a.last > b.last : a.from < b.from;
  });
}

void SquaredSlopes::bundle(std::size_t first, std::size_t last, double from) {
  Bundle made{first, last, from, panels_[first]};
  for (std::size_t p = first; p < last; ++p) {
    made.panel.low = std::min(made.panel.low, panels_[p].low);
    made.panel.high = std::max(made.panel.high, panels_[p].high);
  }
  for (int i = 0; i < nodes; ++i) {
    double mass = 0, sum = 0;
    for (std::size_t p = first; p < last; ++p) {
      mass += panels_[p].weight[i];
      sum += panels_[p].weight[i] * panels_[p].d[i];
    }
    const bool near_top = panels_[first].is_near_top[i] != 0;
    made.panel.set(i, mass > 0 ? sum / mass : made.panel.low, mass, near_top, top_);
  }
  bundles_.push_back(made);
}

const SquaredSlopes::Bundle* SquaredSlopes::bundled(std::size_t first, double modulus) const {
  auto at = std::lower_bound(bundles_.begin(), bundles_.end(), first,
                             [](const Bundle& b, std::size_t index) { return b.first < index; });
  for (; at != bundles_.end() && at->first == first; ++at)
    if (modulus >= at->from) return &*at;
  return nullptr;
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
  if (modulus(p.omega) < modulus(p.above)) {
    p.omega += step;
    p.above = p.omega - top_;
  } else {
    p.above += step;
    p.omega = p.above + top_;
  }
}

/// 16 Gauss nodes are exact to rounding for a pole further off than about 1.5 half-widths, a margin of 0.75.
bool SquaredSlopes::far(const Panel& panel, std::complex<double> omega, double margin) {
  const double beside = std::max({0.0, panel.low - omega.real(), omega.real() - panel.high});
  const double apart = margin * (panel.high - panel.low);
  // What is not a number is near nothing: it must not be halved for, panel by panel to the last.
  if (apart < tiny) return !(std::hypot(beside, omega.imag()) < apart);
  return !(beside * beside + omega.imag() * omega.imag() < apart * apart);
}

/// Calls each(panel) for panels that cover the law once, each short against its distance from omega: stored ones, then
/// halves by interpolation, until the rest is a millionth of a millionth of the finest.
template <class Visit>
void SquaredSlopes::visit(std::complex<double> omega, const Visit& each, double margin) const {
  struct Place {
    std::size_t level, index;
  };
  const std::size_t levels = level_start_.size() - 1, base = level_start_[1];
  std::array<Place, 64> stack;
  const double size = modulus(omega);
  for (std::size_t first = 0; first < base; ++first) {
    if (const Bundle* many = bundled(first, size); many != nullptr) {
      each(many->panel);
      first = many->last - 1;
      continue;
    }
    std::size_t depth = 0;
    stack[depth++] = {0, first};
    while (depth > 0) {
      const Place place = stack[--depth];
      const Panel& panel = panels_[level_start_[place.level] + place.index];
      if (levels == 1 || panel.high - panel.low <= 1e-13 * panel.high || far(panel, omega, margin)) {
        each(panel);
      } else if (place.level + 1 < levels) {
        stack[depth++] = {place.level + 1, 2 * place.index + 1};
        stack[depth++] = {place.level + 1, 2 * place.index};
      } else {
        // Interpolation is right to rounding of the panel's largest number, and no finer.
        const double* values = panel.is_near_top[0] != 0 ? panel.offset : panel.root;
        visit_halves(panel, omega, 60, interpolated * *std::max_element(values, values + nodes), margin, each);
      }
    }
  }
}

template <class Visit>
void SquaredSlopes::visit_halves(const Panel& panel, std::complex<double> omega, int depth, double rounding,
                                 double margin, const Visit& each) const {
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
    if (depth == 0 || largest - least <= rounding || far(half, omega, margin))
      each(half);
    else
      visit_halves(half, omega, depth - 1, rounding, margin, each);
  }
}

/// Of E 1/(omega-d) and of E d/(omega-d), in what omega falls short of the centre.
struct SquaredSlopes::Series {
  double re[2][orders], im[2][orders];

  /// Value and slope.
  std::pair<std::complex<double>, std::complex<double>> at(int which, std::complex<double> short_of) const {
    const double u = short_of.real(), v = short_of.imag(), *a = re[which], *b = im[which];
    double x = a[orders - 1], y = b[orders - 1], p = 0, q = 0;
    for (int n = orders - 2; n >= 0; --n) {
      const double up = p * u - q * v + x, uq = p * v + q * u + y, ux = x * u - y * v + a[n];
      y = x * v + y * u + b[n];
      x = ux;
      p = up;
      q = uq;
    }
    return {{x, y}, {-p, -q}};
  }
};

/// Series about the points of a lattice whose cells are an eighth to a quarter of their distance from the law wide, so
/// that terms fall by 1/4.6 or more. Which cell an omega belongs to depends on nothing else: nor does the result.
class SquaredSlopes::Lattice {
 public:
  Lattice() : slots_(8192) {}
  Lattice(const Lattice&) = delete;
  Lattice& operator=(const Lattice&) = delete;
  ~Lattice() {
    for (auto& slot : slots_) delete slot.load();
  }

  /// False if omega is too close to the law.
  bool moments(const SquaredSlopes& law, const Point& p, Moments& m) const {
    const double height = p.omega.imag();
    const double beside = std::max({law.bottom_ - p.omega.real(), p.above.real(), 0.0});
    const double apart = std::sqrt(beside * beside + height * height);
    if (!(apart > 0.03 * (law.top_ - law.bottom_)) || !(apart < 1e100) || !(apart > 1e-100)) return false;
    const int level = std::ilogb(apart) - 2;
    const double cell = std::ldexp(1.0, level);
    const bool from_top = modulus(p.above) < modulus(p.omega);
    const std::complex<double> w = from_top ? p.above : p.omega;
    const double i = std::nearbyint(w.real() / cell), j = std::nearbyint(w.imag() / cell);
    if (!(std::abs(i) < 1 << 18 && std::abs(j) < 1 << 18)) return false;
    const std::complex<double> centre(i * cell, j * cell);
    const auto key = (static_cast<std::uint64_t>(level + 1024) << 40) +
                     (static_cast<std::uint64_t>(static_cast<std::int64_t>(i) + (1 << 18)) << 20) +
                     (static_cast<std::uint64_t>(static_cast<std::int64_t>(j) + (1 << 18)) << 1) + from_top;
    const Cell* known = find(key);
    if (known == nullptr) {
      auto made = std::make_unique<Cell>(key, law.series(from_top ? law.at_above(centre) : law.at(centre)));
      evaluate(made->series, p, centre - w, m);
      keep(std::move(made));
    } else {
      evaluate(known->series, p, centre - w, m);
    }
    return true;
  }

 private:
  struct Cell {
    std::uint64_t key;
    Series series;
    Cell(std::uint64_t k, const Series& s) : key(k), series(s) {}
  };

  static void evaluate(const Series& series, const Point& p, std::complex<double> short_of, Moments& m) {
    const auto [y, slope] = series.at(1, short_of);
    m = {1.0 + y, y, slope};
    // Where 1 + y cancels, its real part is that of E omega/(omega-d); imaginary parts are the same.
    if (std::norm(m.one_plus_y) < 0.25) m.one_plus_y = {(p.omega * series.at(0, short_of).first).real(), y.imag()};
  }
  static std::size_t start(std::uint64_t key) { return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15U) >> 51); }
  const Cell* find(std::uint64_t key) const {
    for (std::size_t k = 0, at = start(key); k < slots_.size(); ++k, at = (at + 1) % slots_.size()) {
      const Cell* cell = slots_[at].load(std::memory_order_acquire);
      if (cell == nullptr || cell->key == key) return cell;
    }
    return nullptr;
  }
  /// Where it is full, what is new is made each time.
  void keep(std::unique_ptr<Cell> cell) const {
    for (std::size_t k = 0, at = start(cell->key); k < slots_.size(); ++k, at = (at + 1) % slots_.size()) {
      const Cell* there = nullptr;
      if (slots_[at].compare_exchange_strong(there, cell.get(), std::memory_order_acq_rel)) {
        static_cast<void>(cell.release());
        return;
      }
      if (there->key == cell->key) return;  // another thread was first
    }
  }

  mutable std::vector<std::atomic<const Cell*>> slots_;
};

void SquaredSlopes::keep_series() {
  if (single_ == 0 && level_start_.size() > 2) lattice_ = std::make_shared<Lattice>();
}

SquaredSlopes::Series SquaredSlopes::series(const Point& centre) const {
  PowerSums sums;
  const double height = centre.omega.imag();
  // A fifth closer the panels must still be short enough.
  visit(
      centre.omega,
      [&](const Panel& panel) {
        add_powers(panel.d, panel.weight, panel.offset, panel.is_near_top, centre.omega.real(), centre.above.real(),
                   height, sums);
      },
      1.0);
  Series out{};
  for (int n = 0; n < orders; ++n)
    for (int which = 0; which < 2; ++which)
      for (int i = 0; i < nodes; ++i) {
        out.re[which][n] += sums.value[n][2 * which][i];
        out.im[which][n] += sums.value[n][2 * which + 1][i];
      }
  return out;
}

SquaredSlopes::Moments SquaredSlopes::moments(const Point& p) const {
  if (single_ > 0) {
    const std::complex<double> inverse = 1.0 / p.above, y = single_ * top_ * inverse;
    return {(p.omega - mass_at_zero_ * top_) * inverse, y, -y * inverse};
  }
  Moments quick;
  if (lattice_ != nullptr && lattice_->moments(*this, p, quick)) return quick;
  Sums sums;
  const double height = p.omega.imag();
  const bool is_tiny = modulus(p.omega) < tiny;
  visit(p.omega, [&](const Panel& panel) {
    const auto add = [&](const auto& loop) {
      loop(panel.d, panel.weight, panel.offset, panel.is_near_top, p.omega.real(), p.above.real(), height, sums);
    };
    is_tiny ? add(add_tiny_panel) : add(add_panel);
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
