#include "deeprmt/freeprob/explicit_law.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>
#include <variant>

#include "chain.hpp"
#include "continuation.hpp"
#include "deeprmt/core/check.hpp"
#include "explicit_support.hpp"

namespace deeprmt::freeprob {

using Complex = std::complex<double>;

struct ExplicitLaw::Solved {
  Chain chain;
  std::vector<Atom> atoms;
  ExplicitSupport support;
  double log_floor;  // below it the mass is not resolved
  double work;       // flops of a point next to one that is solved, roughly

  /// in_bulk, or, where x is within rounding of an end of (low, high), at the nearest point that can be told from it.
  bool solve(double low, double high, double x, Chain::Point& p, Trail& trail, Chain::Value& found) const;
};

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double pi = std::numbers::pi;

double work_of(const std::vector<ExplicitLaw::Step>& steps) {
  double work = 1000;
  for (const auto& step : steps) work += std::holds_alternative<ExplicitLaw::Slopes>(step) ? 2e4 : 30;
  return work;
}

}  // namespace

ExplicitLaw::ExplicitLaw(const std::vector<Step>& steps, std::vector<Atom> atoms, bool ends_at_last_atom) {
  Chain chain(steps);
  check::that(!ends_at_last_atom || !atoms.empty(), "ExplicitLaw: there is no atom for the law to end at");
  ExplicitSupport support = support_of(chain, atoms, ends_at_last_atom);
  const double log_floor = chain.log_floor();
  solved_ =
      std::make_shared<const Solved>(std::move(chain), std::move(atoms), std::move(support), log_floor, work_of(steps));
}

const std::vector<ExplicitLaw::Gap>& ExplicitLaw::gaps() const { return solved_->support.gaps; }

bool ExplicitLaw::Solved::solve(double low, double high, double x, Chain::Point& p, Trail& trail,
                                Chain::Value& found) const {
  const double log_x = std::max(std::log(x), log_floor);
  if (in_bulk(chain, support.edges, p, trail, log_x, found)) return true;
  const double inwards = high - x < x - low ? -1 : 1;
  for (double nudge = 1e-15; nudge < 2e-11 && std::min(high - x, x - low) < nudge * x; nudge *= 10)
    if (in_bulk(chain, support.edges, p, trail, log_x + inwards * nudge, found)) return true;
  return false;
}

ExplicitLaw::Report ExplicitLaw::evaluate(VecIn<double> x, VecOut<double> density, VecOut<double> cdf,
                                          int threads) const {
  check::that(density.size() == x.size() && (cdf.size() == x.size() || cdf.size() == 0),
              "evaluate: outputs must be as long as x");
  const Solved& law = *solved_;
  const std::vector<Gap>& gaps = law.support.gaps;
  const bool both = cdf.size() > 0;
  check::that(x.size() == 0 || !x.hasNaN(), "evaluate: x must not be NaN");
  const std::vector<Index> order = ascending(x);
  const auto at_atom = [&](double location) {
    for (const Atom& atom : law.atoms)
      if (atom.location == location) return atom.mass;
    return 0.0;
  };
  const auto start = [&] {
    return [&, p = law.chain.point(), trail = Trail(), v = Chain::Value()](Index k, Tally& tally) mutable {
      const Index i = order[static_cast<std::size_t>(k)];
      density[i] = 0;
      if (both) cdf[i] = 0;
      if (x[i] <= 0) return true;
      const auto gap = std::find_if(gaps.begin(), gaps.end(), [&](const Gap& g) { return x[i] < g.high; });
      if (gap == gaps.end() || x[i] >= gap->low) {
        if (both) cdf[i] = gap == gaps.end() ? 1.0 : gap->cdf;
        return true;
      }
      trail.tally = {};
      const double low = gap == gaps.begin() ? 0.0 : std::prev(gap)->high;
      const bool good = law.solve(low, gap->low, x[i], p, trail, v);
      tally = trail.tally;
      density[i] = !good                            ? not_a_number
                   : std::log(x[i]) < law.log_floor ? 0.0
                                                    : std::max(-v.y.imag(), 0.0) / (pi * x[i]);
      if (both) cdf[i] = good ? std::clamp(1 - law.chain.angle(p) / pi, 0.0, 1.0) : not_a_number;
      // At the end itself rounding would count what lies within rounding of it.
      if (both && good && x[i] == low) cdf[i] = std::prev(gap)->cdf + at_atom(low);
      return good;
    };
  };
  threads = useful_threads(law.work * static_cast<double>(x.size()), threads);
  return solve_points(x.size(), 256, threads, start, [&](Index k) { return x[order[static_cast<std::size_t>(k)]]; });
}

ExplicitLaw::Report ExplicitLaw::resolvent(const std::vector<Complex>& z, std::vector<Complex>& g, int threads) const {
  const Solved& law = *solved_;
  const std::vector<Gap>& gaps = law.support.gaps;
  g.resize(z.size());
  const auto one = [&](Complex z, Complex& g, Tally& tally) {
    check::that(z.imag() >= 0 && std::isfinite(std::abs(z)) && z != 0.0,
                "resolvent: z must be finite, not 0, and not below the real axis, got ", z);
    const double log_modulus = std::log(std::abs(z));
    Chain::Point p = law.chain.point();
    if (z.imag() == 0 && z.real() < 0) {
      const bool good = negative_root(law.chain, p, log_modulus);
      g = good ? law.chain.real(p, {}).one_plus_y / z.real() : not_a_number;
      return good;
    }
    bool in_gap = false;
    if (z.imag() == 0) {
      const auto gap = std::find_if(gaps.begin(), gaps.end(), [&](const Gap& each) { return z.real() < each.high; });
      in_gap = gap == gaps.end() || z.real() >= gap->low;
    }
    Trail trail;
    Chain::Value found;
    // In a gap omega is real: come as close as rounding allows.
    const bool good = in_gap ? from_afar(law.chain, p, log_modulus, 1e-14, trail.tally)
                      : z.imag() == 0
                          ? in_bulk(law.chain, law.support.edges, p, trail, std::max(log_modulus, law.log_floor), found)
                          : from_afar(law.chain, p, log_modulus, std::arg(z), trail.tally);
    tally = trail.tally;
    g = good ? law.chain.value(p).one_plus_y / z : Complex(not_a_number, 0);
    if (in_gap && good) g = g.real();
    return good;
  };
  const auto start = [&] {
    return [&](Index k, Tally& tally) {
      const auto i = static_cast<std::size_t>(k);
      return one(z[i], g[i], tally);
    };
  };
  const auto place = [&](Index k) { return std::abs(z[static_cast<std::size_t>(k)]); };
  threads = useful_threads(10 * law.work * static_cast<double>(z.size()), threads);  // each from far above the axis
  return solve_points(static_cast<Index>(z.size()), 16, threads, start, place);
}

}  // namespace deeprmt::freeprob
