#include "deeprmt/freeprob/subordination.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/freeprob/atom_sums.hpp"

namespace deeprmt::freeprob {
namespace {

using Complex = std::complex<double>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr Index grain = 64;
constexpr std::size_t most_laws = 64;

Complex expm1(Complex z) {
  const double half = std::sin(z.imag() / 2);
  return {std::expm1(z.real()) * std::cos(z.imag()) - 2 * half * half, std::exp(z.real()) * std::sin(z.imag())};
}

/// Of small numbers; log(1 + z) rounds 1 + z first.
Complex log1p(Complex z) {
  return {0.5 * std::log1p(z.real() * (2 + z.real()) + z.imag() * z.imag()), std::arg(1.0 + z)};
}

/// What laws in closed form add to the sum: t (p - c), its slope in c, and the least Im p among them. A power below 1
/// is a law of its own, with c + t (p - c) in place of p.
struct Known {
  Complex total{}, slope{};
  double least = infinity;
};

Known sums(const std::vector<Subordination::Explicit>& laws, bool product, Complex c) {
  Known out;
  if (laws.empty()) return out;
  Complex y, one;
  if (product) {
    y = 1.0 / expm1(c);
    one = -1.0 / expm1(-c);
  }
  for (const auto& [jump, s2, mean, power] : laws) {
    Complex beyond, slope;
    if (product) {
      const Complex q = (1 - jump) + jump * one, small = jump * y;
      beyond = std::log(s2) + (std::abs(small) < 0.5 ? log1p(small) : std::log(q));
      slope = -jump * y * one / q;
    } else if (std::isinf(jump)) {
      beyond = mean + s2 / c;
      slope = -s2 / (c * c);
    } else {
      const Complex d = c - jump * s2;
      beyond = (mean - s2) + s2 * c / d;  // no mean that c next to 0 would cancel
      slope = -jump * s2 * s2 / (d * d);
    }
    out.total += power * beyond;
    out.slope += power * slope;
    out.least = std::min(out.least, std::min(power, 1.0) * beyond.imag());
  }
  out.least += c.imag();
  return out;
}

}  // namespace

void Subordination::add(VecIn<double> at, VecIn<double> mass, double power) {
  check::that(at.size() == mass.size(), "Subordination: at and mass must have equal lengths, got ", at.size(), " and ",
              mass.size());
  check::that(atoms_.size() < most_laws, "Subordination: at most ", most_laws, " laws of atoms");
  Atoms law;
  law.power = power;
  law.at_zero = 0;
  for (Index i = 0; i < at.size(); ++i) {
    law.at.push_back(at[i]);
    law.mass.push_back(mass[i]);
    if (at[i] == 0) {
      law.at_zero += mass[i];
      continue;
    }
    law.away.push_back(at[i]);
    law.others.push_back(mass[i]);
    law.weighted.push_back(at[i] * mass[i]);
  }
  atoms_.push_back(std::move(law));
}

Subordination::Value Subordination::value(const Atoms& law, Complex p) const {
  if (!product_) {
    const auto [g, slope] = atom_sum(law.at.data(), law.mass.data(), static_cast<Index>(law.at.size()), p);
    const Complex c = 1.0 / g;
    return {c, -slope * c * c};
  }
  const Complex w = std::exp(p);
  const auto n = static_cast<Index>(law.away.size());
  // M = sum m a / (w - a) without the atom at 0, next to which nothing else of w G could be seen.
  const auto [y, slope] = atom_sum(law.away.data(), law.weighted.data(), n, w);
  Complex one = 1.0 + y;
  // And 1 + M, where that is small, without the difference.
  if (std::abs(one) < 0.25) one = law.at_zero + w * atom_sum(law.away.data(), law.others.data(), n, w).first;
  return {std::log(one / y), -w * slope / (y * one)};
}

int Subordination::solve(Complex place, Complex& c, Complex* p, Index stride, int steps, bool& good) const {
  const std::size_t n = atoms_.size();
  const bool alone = n == 1 && !product_;  // c follows from p, and Newton need not know how it diverges
  const double ceiling = product_ ? std::numbers::pi : infinity;
  Complex gaps[most_laws], slopes[most_laws], moves[most_laws];
  double before = infinity;
  good = false;
  const auto at = [&](std::size_t i) -> Complex& { return p[static_cast<Index>(i) * stride]; };
  for (int step = 1; step <= steps; ++step) {
    Value only{};
    if (alone) {
      only = value(atoms_[0], at(0));
      c = only.c;
    }
    const Known known = sums(known_, product_, c);
    Complex residual = known.total - place, stiffness = -known.slope;
    if (n == 0) {
      residual += c;
      stiffness -= 1.0;
    }
    std::size_t lead = 0;
    double sizes = std::abs(c) + std::abs(place), smallest = infinity;
    for (std::size_t i = 0; i < n; ++i) {
      const double size = std::abs(at(i));
      sizes += size;
      if (size < smallest) {
        smallest = size;
        lead = i;
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      const double t = atoms_[i].power;
      const Value here = alone ? only : value(atoms_[i], at(i));
      const Complex bend = 1.0 - 1.0 / here.slope, gap = c - here.c;
      const Complex rest = at(i) - here.c - gap * bend;  // p - c, once c_i is c
      // c once, with what belongs to the least p: where c is infinite, next to a cusp, that keeps digits.
      if (i == lead) {
        residual += (t - 1) * rest + (at(i) + gap / here.slope);
        stiffness += (t - 1) * bend - 1.0 / here.slope;
      } else {
        residual += t * rest;
        stiffness += t * bend;
      }
      gaps[i] = gap;
      slopes[i] = here.slope;
    }
    const Complex dc = residual / stiffness;
    double size = 0, damp = 1;
    bool finite = true;
    const auto consider = [&](double each) {
      finite = finite && std::isfinite(each);
      size = std::max(size, each);
    };
    const auto within = [&](double height, double rise, bool bounded) {
      if (-rise > 0.9 * height) damp = std::min(damp, 0.9 * height / -rise);
      if (bounded && rise > 0.9 * (ceiling - height)) damp = std::min(damp, 0.9 * (ceiling - height) / rise);
    };
    consider(std::abs(dc) / c.imag());
    if (product_ && !known_.empty()) consider(std::abs(known.slope * dc));  // next to a pole c alone tells little
    const double noise = 1e-15 * sizes, loose = 1 + 1 / std::abs(stiffness);
    bool still = std::abs(dc) <= noise * loose && c.imag() < 1e-9 * scale_;
    for (std::size_t i = 0; i < n; ++i) {
      moves[i] = (gaps[i] + dc) / slopes[i];
      still = still && std::abs(moves[i]) <= noise * loose * (1 + 1 / std::abs(slopes[i]));
      consider(std::abs(moves[i]) / at(i).imag());
      within(at(i).imag(), moves[i].imag(), product_);
    }
    if (!alone) within(c.imag(), dc.imag(), product_ && !known_.empty());
    c += damp * dc;
    double height = n == 0 ? c.imag() : infinity;
    for (std::size_t i = 0; i < n; ++i) {
      at(i) += damp * moves[i];
      height = std::min(height, at(i).imag());
    }
    if (!finite) return step;
    // Newton's method sees as far as the axis: the next step would be of the order size^2 in these units. Near an edge,
    // and where an omega is far away, rounding keeps steps from shrinking. Where the density is small, imaginary parts
    // are rounding: steps that stay in the half-plane are all there is. A cusp shrinks them by 2/3.
    const bool stalled = size >= before * (alone ? 0.75 : 0.5);
    before = size;
    if (damp == 1 && (size < 1e-8 || (size < 1e-3 && stalled) || (still && stalled && size < 0.3))) {
      good = height > 1e-15 * scale_ && (known_.empty() || known.least > -1e-9 * scale_);
      return step;
    }
  }
  return steps;
}

Index Subordination::newton(VecIn<Complex> place, VecOut<Complex> c, MatOut<Complex> p, VecOut<double> good, int steps,
                            int threads) const {
  const Index k = place.size();
  check::that(c.size() == k && good.size() == k && p.rows() == unknowns() && (p.rows() == 0 || p.cols() == k),
              "Subordination: the start must have one c, and one p of each law of atoms, for each of the ", k,
              " places");
  double work = 1;
  for (const auto& law : atoms_) work += static_cast<double>(law.at.size());
  std::vector<int> counts(static_cast<std::size_t>(k));
  threads = useful_threads(16.0 * work * static_cast<double>(k), threads);
  parallel_ranges(k, work > 1000 ? 4 : grain, threads, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      bool ok = false;
      Complex* column = p.rows() == 0 ? nullptr : p.data() + i;
      counts[static_cast<std::size_t>(i)] = solve(place[i], c[i], column, p.outerStride(), steps, ok);
      good[i] = ok ? 1 : 0;
    }
  });
  return std::accumulate(counts.begin(), counts.end(), Index{0});
}

Subordination::Real Subordination::real_value(const Gap& gap, double s) const {
  Real out{};
  const double fall = std::exp(-std::abs(s));
  if (std::isinf(gap.high)) {
    out.slope = gap.far * std::exp(s);
    out.omega = gap.low + out.slope;
  } else if (std::isinf(gap.low)) {
    out.slope = gap.far * std::exp(-s);
    out.omega = gap.high - out.slope;
  } else {
    const double width = gap.high - gap.low, part = fall / (1 + fall);
    out.omega = s < 0 ? gap.low + width * part : gap.high - width * part;
    out.slope = width * part * (1 - part);
  }
  const Atoms& law = atoms_[0];
  const double w = out.omega;
  if (!product_) {
    const auto [g, slope] = atom_sum(law.at.data(), law.mass.data(), static_cast<Index>(law.at.size()), w);
    out.p = w;
    out.c = 1 / g.real();
    out.u = g.real() * g.real() / -slope.real();
    return out;
  }
  const auto n = static_cast<Index>(law.away.size());
  const auto [sum, slope] = atom_sum(law.away.data(), law.weighted.data(), n, w);
  const double y = sum.real();
  double one = 1 + y;
  if (std::abs(one) < 0.25) one = law.at_zero + w * atom_sum(law.away.data(), law.others.data(), n, w).first.real();
  out.p = std::log(std::abs(w));
  out.c = std::log(std::abs(one / y));
  out.u = -y * one / (w * slope.real());
  return out;
}

void Subordination::on_gap(const Gap& gap, VecIn<double> s, MatOut<double> out, int threads) const {
  check::that(unknowns() > 0, "Subordination: there is no law of atoms");
  check::that(out.rows() == 3 && out.cols() == s.size(), "Subordination: out must be (3, ", s.size(), ")");
  threads = useful_threads(8.0 * static_cast<double>(atoms_[0].at.size()) * static_cast<double>(s.size()), threads);
  parallel_ranges(s.size(), 8, threads, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Real at = real_value(gap, s[i]);
      out(0, i) = at.p;
      out(1, i) = at.c;
      out(2, i) = at.u;
    }
  });
}

void Subordination::where(const Gap& gap, VecIn<double> s, VecIn<double> c, VecIn<double> rate, VecIn<double> goal,
                          MatOut<double> out, int threads) const {
  const Index n = s.size();
  check::that(unknowns() > 0, "Subordination: there is no law of atoms");
  check::that(n >= 2 && c.size() == n && rate.size() == n,
              "Subordination: s, c and rate must be equally long, at least 2");
  check::that(out.rows() == 4 && out.cols() == goal.size(), "Subordination: out must be (4, ", goal.size(), ")");
  const auto find = [&](double wanted, Real& at) {
    if (!(wanted >= c[0] && wanted <= c[n - 1])) return std::numeric_limits<double>::quiet_NaN();
    const Index above = std::lower_bound(c.data(), c.data() + n, wanted) - c.data();
    const Index i = std::clamp<Index>(above, 1, n - 1);
    // f ascends along the table, from a at which it is below 0.
    const auto f = [&](double value) { return product_ ? value - wanted : std::log(value / wanted); };
    double a = s[i - 1], b = s[i];
    const double wide = product_ ? c[i] - c[i - 1] : std::log(c[i] / c[i - 1]);
    const double t = -f(c[i - 1]) / wide, up = wide / rate[i - 1], down = wide / rate[i];
    // A sum's c may be below 0: then ln |c| falls where c ascends, and wide is below 0 as well.
    double here = a + t * (b - a + (1 - t) * ((1 - t) * (up - (b - a)) - t * (down - (b - a))));
    if (!(std::min(a, b) <= here && here <= std::max(a, b))) here = (a + b) / 2;
    double best = here, off = infinity;
    Real kept{};
    for (int step = 0; step < 100; ++step) {
      at = real_value(gap, here);
      const double gap_now = at.c - wanted;
      if (!std::isfinite(gap_now)) {  // an end, where c is infinite: away from it
        if (here == a || here == b || step > 60) break;
        (at.c > 0 ? b : a) = here;
        here = (a + b) / 2;
        continue;
      }
      if (std::abs(gap_now) < off) {
        off = std::abs(gap_now);
        best = here;
        kept = at;
      }
      // Next to an end, and where c goes to infinity, rounding of omega is felt.
      const double end = here < 0 ? gap.low : gap.high;
      const double size = std::max(std::abs(at.omega), std::isinf(end) ? 0.0 : std::abs(end));
      const double felt = product_ ? 0.0 : 1e-15 * size / std::abs(at.c * at.u);
      if (off <= (1e-11 + felt) * std::abs(wanted)) break;
      (gap_now < 0 ? a : b) = here;
      if (std::abs(b - a) <= 4e-16 * std::abs(here) + 1e-17) break;
      const double slope = product_ ? at.slope / (at.u * at.omega) : at.slope / (at.c * at.u);
      const double next = here - f(at.c) / slope;
      const bool inside = std::min(a, b) < next && next < std::max(a, b);
      here = inside && step % 8 != 7 ? next : (a + b) / 2;
    }
    at = kept;
    return best;
  };
  double work = 32.0 * static_cast<double>(atoms_[0].at.size()) * static_cast<double>(goal.size());
  threads = useful_threads(work, threads);
  parallel_ranges(goal.size(), 8, threads, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      Real at{};
      const double found = find(goal[i], at);
      const bool none = !std::isfinite(found);
      out(0, i) = found;
      out(1, i) = none ? found : at.p;
      out(2, i) = none ? found : at.c;
      out(3, i) = none ? found : at.u;
    }
  });
}

}  // namespace deeprmt::freeprob
