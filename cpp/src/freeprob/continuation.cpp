#include "continuation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "logarithm.hpp"
#include "real_omega.hpp"

namespace deeprmt::freeprob {
namespace {

using Complex = std::complex<double>;
using Omega = SquaredSlopes::Point;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double pi = std::numbers::pi;

/// Takes the lead by `step` and the others along, less far if one would leave the half-plane or go more than half of
/// the way to a singular point. size: the largest relative step. False if it is not finite.
bool move(const Chain& chain, Chain::Point& p, Complex step, double& size) {
  double share = 1;
  bool good = true;  // a maximum does not tell what is not a number
  size = 0;
  const auto limit = [&](const Omega& w, Complex each) {
    const double most = reach(w) / 2, length = modulus(each);
    if (!std::isfinite(length)) good = false;
    size = std::max(size, length / (2 * most));
    if (length * share > most) share = most / length;
    if (length < 1e-12 * most) return;  // rounding, which hold_up takes care of
    if (each.imag() < 0 && w.omega.imag() + share * each.imag() <= 0) share = 0.9 * w.omega.imag() / -each.imag();
  };
  limit(p.lead, step);
  for (const auto& w : p.rest) limit(w, w.to_lead * step + w.lack);
  if (!good || !std::isfinite(size)) return false;
  const auto hold_up = [](const Omega& w, Complex each) {
    const bool leaves = w.omega.imag() > 0 && w.omega.imag() + each.imag() <= 0;
    return leaves ? Complex(each.real(), -0.9 * w.omega.imag()) : each;
  };
  for (std::size_t k = 0; k < p.rest.size(); ++k)
    chain.rest()[k]->move(p.rest[k], hold_up(p.rest[k], share * (p.rest[k].to_lead * step + p.rest[k].lack)));
  chain.lead().move(p.lead, hold_up(p.lead, share * step));
  size *= share;
  return true;
}

/// Whether a solution may be the one that is seen from above. Where the density is below rounding omega comes closer to
/// the axis than nodes are to one another, and next to each node the sums are those of that node alone: a last step may
/// end there, however short: what is left of the equation, which no step mends, tells. Elsewhere on the axis z rises
/// with the lead.
bool may_be_seen(const Chain& chain, Chain::Point& p, Complex log_z) {
  if (p.lead.omega.imag() > 1e-13 * reach(p.lead)) return true;
  const Chain::Value v = chain.value(p);
  return modulus(log_z - v.log_z - v.lack) <= std::max(64 * v.rounding, 1e-12) && v.y.imag() <= 0 &&
         v.slope.real() > std::abs(v.slope.imag());
}

/// Solves ln z = log_z from a guess p in the upper half-plane, and stays there. `found` has y of the last point, to
/// first order of the last step.
bool newton(const Chain& chain, Chain::Point& p, Complex log_z, int steps, Tally& tally,
            Chain::Value* found = nullptr) {
  Convergence convergence(1e-15);
  for (int i = 0; i < steps; ++i) {
    ++tally.iterations;
    const Chain::Value v = chain.value(p);
    const Complex residual = log_z - v.log_z - v.lack;
    double size = 0;
    const Complex step = residual / v.slope;
    if (!move(chain, p, step, size)) return false;
    // Where the density is below the least double the axis may be reached, and nothing on it tells which root it is.
    if (!(p.lead.omega.imag() > 0)) return false;
    const bool at_rounding = modulus(residual) <= v.rounding && size < 1e-3;
    const bool last = i == steps - 1 && modulus(residual) <= 64 * v.rounding && size < 1e-9;
    if (convergence.done(size, at_rounding) || last) {
      if (!may_be_seen(chain, p, log_z)) return false;
      tally.residual = modulus(residual) * convergence.shrinks();
      if (found != nullptr) {
        *found = v;
        const Complex change = v.y_slope * step + v.y_lack;
        found->y += change;
        found->one_plus_y += change;
      }
      return true;
    }
  }
  return false;
}

/// As the last of the solutions known.
void keep(Trail& trail, const Chain::Point& p, double log_x, Complex slope) {
  if (trail.known > 0) {
    trail.log_x[1] = trail.log_x[0];
    std::swap(trail.at[0], trail.at[1]);
    std::swap(trail.slope[0], trail.slope[1]);
  }
  trail.log_x[0] = log_x;
  trail.at[0].assign(1, p.lead.omega);
  trail.slope[0].assign(1, 1.0 / slope);
  for (const Chain::Place& w : p.rest) {
    trail.at[0].push_back(w.omega);
    trail.slope[0].push_back(w.to_lead / slope);
  }
  trail.known = std::min(trail.known + 1, 2);
}

/// From the last solutions, by the cubic through two of them, or the tangent at one.
bool along(const Chain& chain, Chain::Point& p, Trail& trail, double log_x, Chain::Value& found) {
  const double ahead = log_x - trail.log_x[0], apart = trail.log_x[0] - trail.log_x[1];
  const bool cubic = trail.known == 2 && apart != 0 && std::abs(ahead) < 3 * std::abs(apart);
  const double u = cubic ? ahead / apart : 0;
  const auto step = [&](std::size_t k) {
    const Complex tangent = trail.slope[0][k] * ahead;
    if (!cubic) return tangent;
    // Beyond the tangent: u^2 and u^3 that meet the point before and its slope.
    const Complex off = trail.at[1][k] - trail.at[0][k] + trail.slope[0][k] * apart;
    const Complex turn = (trail.slope[1][k] - trail.slope[0][k]) * apart;
    return tangent + u * u * (3.0 * off + turn) + u * u * u * (2.0 * off + turn);
  };
  Chain::Point guess = p;
  const Complex lead = step(0);
  for (std::size_t k = 0; k < guess.rest.size(); ++k) {
    Chain::Place& w = guess.rest[k];
    w.to_lead = trail.slope[0][k + 1] / trail.slope[0][0];
    w.lack = step(k + 1) - w.to_lead * lead;
  }
  double size = 0;
  if (!(modulus(lead) < reach(p.lead) / 2) || !(p.lead.omega.imag() + lead.imag() > 0) ||
      !move(chain, guess, lead, size) || !newton(chain, guess, log_x, 8, trail.tally, &found))
    return false;
  p = std::move(guess);
  return true;
}

/// From the last solution to one many orders of magnitude away: close to 0 ln omega is what changes evenly with ln x.
bool leap(const Chain& chain, Chain::Point& p, Trail& trail, double log_x, Chain::Value& found) {
  const double ahead = log_x - trail.log_x[0];
  if (!(std::abs(ahead) >= 1 && std::abs(ahead) < 64)) return false;
  Chain::Point guess = p;
  const auto go = [&](const SquaredSlopes& law, SquaredSlopes::Point& w, Complex slope) {
    const Complex step = slope * ahead;
    const bool small = modulus(w.omega) < 0.1 * modulus(w.above);
    if (!small && !(modulus(step) < reach(w) / 2)) return false;
    if (small)
      w = law.at(w.omega * std::exp(step / w.omega));
    else
      law.move(w, step);
    return w.omega.imag() > 0 && modulus(w.omega) > SquaredSlopes::least;
  };
  if (!go(chain.lead(), guess.lead, trail.slope[0][0])) return false;
  for (std::size_t k = 0; k < guess.rest.size(); ++k) {
    SquaredSlopes::Point& w = guess.rest[k];
    if (!go(*chain.rest()[k], w, trail.slope[0][k + 1])) return false;
  }
  const Chain::Point start = guess;
  if (!newton(chain, guess, log_x, 12, trail.tally, &found)) return false;
  // What ends up elsewhere may be another solution.
  const auto stayed = [](const SquaredSlopes::Point& from, const SquaredSlopes::Point& to) {
    return modulus(to.omega - from.omega) < 0.3 * reach(from);
  };
  if (!stayed(start.lead, guess.lead)) return false;
  for (std::size_t k = 0; k < guess.rest.size(); ++k)
    if (!stayed(start.rest[k], guess.rest[k])) return false;
  p = std::move(guess);
  return true;
}

}  // namespace

bool negative_root(const Chain& chain, Chain::Point& p, double log_modulus) {
  double low = -infinity, high = infinity, t = 0;
  for (int i = 0; i < 400; ++i) {
    p.lead = chain.lead().at(-std::exp(t));
    const Chain::RealValue v = chain.real(p, {});
    const bool there = v.exists && v.turns == 1;
    const double r = there ? v.log_z - log_modulus : -1;
    (r > 0 ? high : low) = t;
    const double step = there ? std::clamp(-r / (p.lead.omega.real() * v.slope), -30.0, 30.0) : 1.0 + std::abs(t);
    if (there && std::abs(step) < 1e-13 * std::max(1.0, std::abs(t))) return true;
    if (high - low < 4e-16 * std::abs(t)) return there;
    t += step;
    if (!(t > low && t < high)) t = std::isinf(low) ? high - 1 : std::isinf(high) ? low + 1 : (low + high) / 2;
    if (std::abs(t) > 700) return false;
  }
  return false;
}

bool from_afar(const Chain& chain, Chain::Point& p, double log_modulus, double argument, Tally& tally) {
  p = chain.point();
  if (!negative_root(chain, p, log_modulus)) return false;
  double here = pi, turn = 0.25;
  Complex slope = chain.real(p, {}).slope;
  while (here > argument) {
    const double there = std::max(here - turn, argument);
    Chain::Point next = p;
    const Complex step = Complex(0, there - here) / slope;
    const double scale = reach(p.lead);
    bool good = modulus(step) < scale / 2 && p.lead.omega.imag() + step.imag() > 0;
    for (auto& w : next.rest) {
      w.lack = 0;
      good = good && modulus(w.to_lead * step) < reach(w) / 2 && w.omega.imag() + (w.to_lead * step).imag() > 0;
    }
    double size = 0;
    if (good && move(chain, next, step, size))
      good = newton(chain, next, {log_modulus, there}, 10, tally) &&
             modulus(next.lead.omega - p.lead.omega - step) < scale / 4;
    if (good) {
      p = next;
      here = there;
      slope = chain.value(p).slope;
      turn *= 1.5;
    } else {
      turn *= 0.4;
      // Where the density is below rounding, omega cannot come closer to the axis than rounding lets it.
      if (turn < 1e-18) return here - argument < 1e-11;
    }
  }
  return true;
}

bool in_bulk(const Chain& chain, const std::vector<Edge>& edges, Chain::Point& p, Trail& trail, double log_x,
             Chain::Value& found) {
  for (const Edge& edge : edges) {
    const double square = 2 * (log_x - edge.log_x) / edge.curvature;
    if (std::abs(log_x - edge.log_x) > 1e-4 || square >= 0) continue;
    Chain::Point guess = edge.at;
    double size = 0;
    const Complex step(0, std::sqrt(-square));
    if (!move(chain, guess, step, size)) continue;
    const SquaredSlopes::Point start = guess.lead;
    // A root that is not the one nearby may be none that is seen from above.
    if (newton(chain, guess, log_x, 30, trail.tally) &&
        modulus(guess.lead.omega - start.omega) < 0.03 * modulus(step)) {
      p = std::move(guess);
      found = chain.value(p);
      trail.known = 0;
      keep(trail, p, log_x, found.slope);
      return true;
    }
  }
  const bool close = trail.known > 0 && std::abs(log_x - trail.log_x[0]) < 1 && along(chain, p, trail, log_x, found);
  if (!close && (trail.known == 0 || !leap(chain, p, trail, log_x, found))) {
    trail.known = 0;
    if (!from_afar(chain, p, log_x, 0, trail.tally)) return false;
    found = chain.value(p);
  }
  keep(trail, p, log_x, found.slope);
  return true;
}

}  // namespace deeprmt::freeprob
