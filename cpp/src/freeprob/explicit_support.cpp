#include "explicit_support.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include "deeprmt/core/interrupt.hpp"
#include "real_omega.hpp"

namespace deeprmt::freeprob {
namespace {

using Atom = ExplicitLaw::Atom;
using Gap = ExplicitLaw::Gap;

constexpr double infinity = std::numeric_limits<double>::infinity();

class Finder {
 public:
  Finder(const Chain& chain, const std::vector<Atom>& atoms, bool ends_at_last_atom);
  ExplicitSupport found() && { return std::move(support_); }

 private:
  void find_right_end(bool known);
  void find_gaps(double low, double high, const std::vector<int>& branches);
  bool is_physical(const std::vector<Chain::RealValue>& run) const;
  bool is_physical(const Chain::RealValue& v) const;
  void snap_to_atoms();
  Edge refine(Chain::Point outside, Chain::Point inside, const std::vector<int>& branches) const;
  double snapped(double log_x) const;

  const Chain& chain_;
  const SquaredSlopes& lead_;
  const std::vector<Atom>& atoms_;
  ExplicitSupport support_;
};

Finder::Finder(const Chain& chain, const std::vector<Atom>& atoms, bool ends_at_last_atom)
    : chain_(chain), lead_(chain.lead()), atoms_(atoms) {
  // Where several steps have atoms of their own, a gap may see them on different branches.
  std::vector<int> counts;
  std::size_t product = 1;
  for (const auto* law : chain_.rest()) {
    counts.push_back(branches_of(*law));
    product *= counts.back() > 2 ? static_cast<std::size_t>(counts.back()) : 1;
    if (product > 64) break;
  }
  const auto scan = [&](double low, double high, int branch) {
    std::vector<int> now(chain_.rest().size(), -1);  // by the sign of y
    if (product > 64 || product == 1) {
      for (std::size_t k = 0; k < now.size(); ++k)
        if (product > 1 && branches_of(*chain_.rest()[k]) == branches_of(lead_)) now[k] = branch;
      return find_gaps(low, high, now);
    }
    for (std::size_t index = 0; index < product; ++index) {
      std::size_t left = index;
      for (std::size_t k = 0; k < now.size(); ++k)
        if (counts[k] > 2) {
          now[k] = static_cast<int>(left % static_cast<std::size_t>(counts[k]));
          left /= static_cast<std::size_t>(counts[k]);
        }
      find_gaps(low, high, now);
    }
  };
  // A product of slopes alone sends omega < 0 to z < 0, unless the factors see a gap on different branches.
  if (chain_.is_affine() || (!chain_.rest().empty() && product > 1)) scan(-infinity, 0, 0);
  if (lead_.bottom() > 0) scan(0, lead_.bottom(), 0);
  // A gap between others may go on beyond the lead's largest slope, and through infinity.
  if (chain_.is_affine() && product > 1) scan(lead_.top(), infinity, 1);
  const auto& slopes = lead_.atoms();
  for (std::size_t i = 1; i < slopes.size(); ++i) scan(slopes[i - 1], slopes[i], slopes[i - 1] > 0 ? 1 : 0);
  std::sort(support_.gaps.begin(), support_.gaps.end(), [](const Gap& a, const Gap& b) { return a.low < b.low; });
  find_right_end(ends_at_last_atom);
  snap_to_atoms();
}

/// The end of a real interval of the lead that is free of mass, by bisection.
Edge Finder::refine(Chain::Point outside, Chain::Point inside, const std::vector<int>& branches) const {
  for (int i = 0; i < 200; ++i) {
    check_interrupt();
    Chain::Point middle = outside;
    const auto &out = outside.lead, &in = inside.lead;
    const bool from_zero = std::abs(out.omega) < std::abs(out.above);
    lead_.move(middle.lead, (from_zero ? in.omega - out.omega : in.above - out.above) / 2.0);
    const auto& now = middle.lead;
    if ((now.above == out.above && now.omega == out.omega) || (now.above == in.above && now.omega == in.omega)) break;
    (chain_.real(middle, branches).free() ? outside : inside) = middle;
  }
  Chain::Point left = outside, right = outside;
  const double h = 1e-5 * reach(outside.lead);
  lead_.move(left.lead, -h);
  lead_.move(right.lead, h);
  Edge edge{chain_.real(outside, branches).log_z, 0, outside};
  const Chain::RealValue before = chain_.real(left, branches), after = chain_.real(right, branches),
                         here = chain_.real(edge.at, branches);
  // At the end of what the others reach there is no point on the far side.
  edge.curvature = before.exists && after.exists ? (after.slope - before.slope) / (2 * h)
                   : after.exists                ? (after.slope - here.slope) / h
                                                 : (here.slope - before.slope) / h;
  return edge;
}

/// An atom's place, if that is where log_x is but for rounding.
double Finder::snapped(double log_x) const {
  const double x = std::exp(log_x);
  for (const Atom& atom : atoms_)
    if (atom.location > 0 && std::abs(log_x - std::log(atom.location)) < 1e-12 * std::max(1.0, std::abs(log_x)))
      return atom.location;
  return x;
}

void Finder::find_right_end(bool known) {
  const double top = lead_.top();
  double high = known ? atoms_.back().location : infinity;
  if (!known) {
    Chain::Point outside = chain_.point(), inside = chain_.point();
    double log_x = -infinity, far = std::log(1e8);
    for (;; far += std::log(1e8)) {  // an affine map with a small factor sends the end far out
      outside.lead = lead_.at_above(top * std::exp(far));
      const Chain::RealValue v = chain_.real(outside, {});
      log_x = v.log_z;
      if (v.free() || far > 600) break;
    }
    bool found = false;
    for (double t = far; t > std::log(1e-18) && !found; t -= 0.15) {
      check_interrupt();
      inside = outside;
      inside.lead = lead_.at_above(top * std::exp(t));
      const Chain::RealValue v = chain_.real(inside, {});
      found = !v.free();
      if (!found) {
        outside = inside;
        log_x = v.log_z;
      }
    }
    // If not found, the slopes thin out so fast towards the largest one that omega reaches it.
    if (found) {
      support_.edges.push_back(refine(outside, inside, {}));
      log_x = support_.edges.back().log_x;
    }
    high = snapped(log_x);
  }
  support_.gaps.push_back({high, infinity, 1.0});
}

/// The images of a lead in (low, high), an interval free of slopes, that are real and increase: intervals free of mass.
void Finder::find_gaps(double low, double high, const std::vector<int>& branches) {
  const auto at = [&](double u) {
    if (std::isinf(low)) return lead_.at(-std::exp(-u));
    if (std::isinf(high)) return lead_.at_above(std::exp(u));
    const double width = high - low, below = width / (1 + std::exp(u));
    return high == lead_.top() ? lead_.at_above(-below) : lead_.at(low + width / (1 + std::exp(-u)));
  };
  const double end = 36, step = 0.1;
  const int steps = static_cast<int>(2 * end / step);
  bool inside = false;
  Gap gap{};
  Chain::Point p = chain_.point(), before = p;
  Chain::RealValue last;
  std::vector<Chain::RealValue> run;
  const bool doubtful =
      std::any_of(chain_.rest().begin(), chain_.rest().end(), [](const auto* law) { return branches_of(*law) > 2; });
  const auto place = [](const Chain::RealValue& v) { return v.turns == 1 ? 0.0 : std::exp(v.log_z); };
  // As far from u towards `to` as the gap at u goes.
  const auto reach = [&](double u, double to, Chain::RealValue known) {
    Chain::Point probe = p;
    for (int i = 0; i < 80 && u != to; ++i) {
      const double middle = (u + to) / 2;
      if (middle == u || middle == to) break;
      probe.lead = at(middle);
      const Chain::RealValue v = chain_.real(probe, branches);
      const bool same = v.free() && std::abs(v.phase - known.phase) < 1e-6;
      (same ? u : to) = middle;
      if (same) known = v;
    }
    return known;
  };
  std::size_t known_edges = support_.edges.size();
  const auto close = [&] {
    if (gap.low == 0) gap.cdf = 0;
    const bool right_end = std::isinf(high) && gap.cdf > 1 - 1e-9;  // it is found by itself
    if (gap.high > gap.low * (1 + 1e-14) && gap.high > 0 && !right_end && (!doubtful || is_physical(run)))
      support_.gaps.push_back(gap);
    else  // points close to an end that is none must not start there
      support_.edges.erase(support_.edges.begin() + static_cast<std::ptrdiff_t>(known_edges), support_.edges.end());
    known_edges = support_.edges.size();
  };
  for (int i = 0; i <= steps + 1; ++i) {
    check_interrupt();
    before = p;
    p.lead = at(-end + i * step);
    const Chain::RealValue v = i <= steps ? chain_.real(p, branches) : Chain::RealValue{};
    const bool now = v.free();
    double jump = now && inside ? last.phase - v.phase : 0;  // of the distribution function: atoms, or what was missed
    for (const Atom& atom : atoms_)
      jump -= jump != 0 && place(last) < atom.location && atom.location <= place(v) ? atom.mass : 0;
    if (std::abs(jump) > 1e-6) {
      // Two gaps, with a piece of the support between them that this step has jumped: up to where each is known.
      gap.high = place(reach(-end + (i - 1) * step, -end + i * step, last));
      close();
      run.clear();
      gap = {place(reach(-end + i * step, -end + (i - 1) * step, v)), infinity, 1 - v.phase};
    } else if (now && !inside) {
      gap.cdf = 1 - v.phase;
      if (i == 0) {
        gap.low = low == 0 && !chain_.is_affine() ? 0.0 : place(v);
      } else {
        support_.edges.push_back(refine(p, before, branches));
        gap.low = v.turns == 1 ? 0.0 : snapped(support_.edges.back().log_x);
      }
    } else if (!now && inside) {
      if (i > steps) {
        gap.high = place(last);
      } else {
        support_.edges.push_back(refine(before, p, branches));
        // It may end next to 0, and rounding leave it there on the negative side.
        const bool negative = chain_.real(support_.edges.back().at, branches).turns == 1;
        gap.high = negative ? 0.0 : snapped(support_.edges.back().log_x);
      }
      close();
    }
    inside = now;
    if (now) {
      last = v;
      run.push_back(v);
    } else {
      run.clear();
    }
  }
}

/// Whether a gap is one in the middle and close to both ends: a wrong branch may join the right one at a singular
/// point.
bool Finder::is_physical(const std::vector<Chain::RealValue>& run) const {
  const auto place = [](const Chain::RealValue& v) { return v.turns == 1 ? 0.0 : std::exp(v.log_z); };
  const double low = place(run.front()), high = place(run.back());
  for (const double share : {0.5, 0.9, 0.1}) {
    const double goal = low + share * (high - low);
    const auto nearest =
        std::min_element(run.begin(), run.end(), [&](const Chain::RealValue& a, const Chain::RealValue& b) {
          return std::abs(place(a) - goal) < std::abs(place(b) - goal);
        });
    if (!is_physical(*nearest)) return false;
  }
  return true;
}

/// Whether the solution just above the axis is next to a real one: with branches to choose from there are others.
bool Finder::is_physical(const Chain::RealValue& v) const {
  if (v.turns == 1) return true;
  Chain::Point p;
  Tally tally;
  if (!from_afar(chain_, p, v.log_z, 1e-7, tally)) return false;
  const Chain::Value found = chain_.value(p);
  return std::abs(found.y - v.y) < 1e-3 * std::abs(v.y) &&
         std::abs(found.one_plus_y - v.one_plus_y) < 1e-3 * std::abs(v.one_plus_y);
}

/// Gaps end exactly at atoms where they end there at all, and never hold one.
void Finder::snap_to_atoms() {
  const double at_zero = !atoms_.empty() && atoms_.front().location == 0 ? atoms_.front().mass : 0;
  std::vector<Gap> out;
  // Where an affine map takes a point through 0, its rounding may part a gap in two.
  const double rounding = support_.gaps.empty() ? 0 : 1e-14 * support_.gaps.back().low;
  for (std::size_t i = support_.gaps.size(); i-- > 1;)
    if (chain_.is_affine() && support_.gaps[i].low - support_.gaps[i - 1].high < rounding &&
        std::abs(support_.gaps[i].cdf - support_.gaps[i - 1].cdf) < 1e-15) {
      support_.gaps[i - 1].high = support_.gaps[i].high;
      support_.gaps.erase(support_.gaps.begin() + static_cast<std::ptrdiff_t>(i));
    }
  if (chain_.is_affine() && !support_.gaps.empty() && support_.gaps[0].low < rounding &&
      std::abs(support_.gaps[0].cdf - at_zero) < 1e-15)
    support_.gaps[0].low = 0;
  for (Gap gap : support_.gaps) {
    if (gap.low == 0) gap.cdf = at_zero;
    gap.cdf = std::clamp(gap.cdf, 0.0, 1.0);
    for (const Atom& atom : atoms_) {
      const double x = atom.location;
      if (x <= 0) continue;
      if (std::abs(gap.low - x) < 1e-12 * x) gap.low = x;
      if (std::abs(gap.high - x) < 1e-12 * x) gap.high = x;
      if (gap.low < x && x < gap.high) {
        out.push_back({gap.low, x, gap.cdf});
        gap = {x, gap.high, gap.cdf + atom.mass};
      }
    }
    if (gap.high > gap.low) out.push_back(gap);
  }
  support_.gaps = std::move(out);
}

}  // namespace

ExplicitSupport support_of(const Chain& chain, const std::vector<Atom>& atoms, bool ends_at_last_atom) {
  return Finder(chain, atoms, ends_at_last_atom).found();
}

}  // namespace deeprmt::freeprob
