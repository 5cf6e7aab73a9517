// Paths to solutions of a pencil's equations: from far above the axis, from points nearby, and ever closer to 0.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>
#include <utility>

#include "deeprmt/core/interrupt.hpp"
#include "pencil_work.hpp"

namespace deeprmt::freeprob {
namespace {

using small::Complex;
using small::Matrix;

constexpr double pi = std::numbers::pi;
constexpr Index patience = 600;                             // Newton steps at a point
constexpr double topmost_rung = 1e-3, lowest_rung = 1e-30;  // of the reach: between them a ladder stands

}  // namespace

/// Newton steps at one z and eta from the present unknowns; `tight` asks for all digits.
bool Pencil::newton(Work& w, Complex z, double eta, int steps, bool tight) const {
  double last = std::numeric_limits<double>::infinity();
  for (int s = 0; s < steps; ++s) {
    check_interrupt();
    residual(w, z, eta, true);
    w.step.size(static_cast<int>(unknowns_), 1);
    for (std::size_t i = 0; i < laws_.size(); ++i) {
      Complex* step = w.step.a.data() + unknown_first_[i];
      for (const int k : active_[i]) *step++ = w.error[i].a[static_cast<std::size_t>(k)];
    }
    // Unknowns of one variable may differ by orders of magnitude, and so may the equations.
    w.scales.resize(static_cast<std::size_t>(unknowns_));
    double* scale = w.scales.data();
    for (std::size_t i = 0; i < laws_.size(); ++i) {
      small::sizes(w.unknown[i], w.sizes);
      const std::size_t r = w.sizes.size();
      for (const int k : active_[i])
        *scale++ = w.sizes[static_cast<std::size_t>(k) / r] * w.sizes[static_cast<std::size_t>(k) % r];
    }
    for (int row = 0; row < w.jacobian.rows; ++row) {
      Complex* entries = w.jacobian.row(row);
      double size = 0;
      for (int k = 0; k < w.jacobian.cols; ++k)
        size = std::max(size, std::max(std::abs(entries[k].real()), std::abs(entries[k].imag())) *
                                  w.scales[static_cast<std::size_t>(k)]);
      if (!(size > 0) || !std::isfinite(size)) return false;
      for (int k = 0; k < w.jacobian.cols; ++k) entries[k] *= w.scales[static_cast<std::size_t>(k)] / size;
      w.step(row, 0) /= size;
    }
    if (!small::solve(w.jacobian, w.step)) return false;
    ++w.iterations;
    const double size = small::largest(w.step);
    if (!std::isfinite(size) || size > 1e3) return false;
    for (std::size_t k = 0; k < w.scales.size(); ++k) w.step.a[k] *= w.scales[k];
    move(w, -1);
    w.last_step = size;
    // Quadratic convergence: the error that is left is the square of the step. Or rounding lets it come no closer.
    if (w.off < 1e-3 && (size <= (tight ? 1e-10 : 1e-8) || (size < 1e-5 && size > last / 2))) return true;
    if (s > 2 && size > 4 * last) return false;
    last = size;
  }
  return false;
}

/// From far above the axis down to z itself.
bool Pencil::from_afar(Work& w, Complex z) const {
  prepare(w);
  double eta = height_;
  // A contraction; it starts at omega = 2 i height, which is not far off, or at the mean.
  for (std::size_t i = 0; i < laws_.size(); ++i) {
    const int r = static_cast<int>(rank_[i]);
    w.unknown[i].zero(r, r);
    const bool explicit_rho = laws_[i].kind() != LetterLaw::Kind::general;
    for (int a = 0; a < r; ++a)
      for (int b = 0; b < r; ++b)
        w.unknown[i](a, b) = explicit_rho ? laws_[i].mean() * w.core[i](a, b)
                             : a == b     ? Complex(0, 2 * height_)
                                          : Complex{};
  }
  for (int k = 0; k < 20; ++k) {
    residual(w, z, eta, false);
    for (std::size_t i = 0; i < laws_.size(); ++i) {
      Matrix& each = w.unknown[i];
      if (laws_[i].kind() == LetterLaw::Kind::general) {
        small::invert(w.g[i], w.middle, w.scratch);
        for (std::size_t j = 0; j < each.a.size(); ++j) each.a[j] = w.middle.a[j] + w.rho[i].a[j];
      } else {
        for (std::size_t j = 0; j < each.a.size(); ++j) each.a[j] -= w.error[i].a[j];
      }
    }
  }
  if (!newton(w, z, eta, 20, false) || !is_resolvent(w, 1e-4)) return false;
  std::vector<Matrix> before;
  double factor = 0.2;
  const Index last = w.iterations + patience;
  while (eta > nearest) {
    if (w.iterations > last) return false;
    before = w.unknown;
    const double next = std::max(eta * factor, nearest);
    residual(w, z, eta, true);
    tangent(w, false);
    move(w, next - eta);
    if (is_resolvent(w, 1e-6) && newton(w, z, next, 8, next == nearest) && is_resolvent(w, 1e-6)) {
      eta = next;
      factor = std::max(factor * std::sqrt(factor), 1e-3);
      continue;
    }
    // Without the tangent, before a smaller step.
    w.unknown = before;
    if (newton(w, z, next, 8, next == nearest) && is_resolvent(w, 1e-6)) {
      eta = next;
      continue;
    }
    w.unknown = before;
    factor = std::sqrt(factor);
    if (factor > 0.9995) return false;
  }
  return true;
}

/// From the solution at a point nearby, whose tangent is in w.step; the axis itself.
bool Pencil::sweep(Work& w, double x) const { return newton(w, x, 0, 6, true) && is_resolvent(w, 1e-7); }

void Pencil::descend() {
  auto ladder = std::make_shared<Ladder>();
  for (const double side : {-1.0, 1.0}) {
    Work w;
    double x = side * topmost_rung * reach_;
    const auto solved = [&] { return w.last_step < 1e-9 && -w.green(0, 0).imag() / pi > 1e-6 / reach_; };
    if (!from_afar(w, x) || !newton(w, x, 0, 12, true) || !is_resolvent(w, 1e-7)) continue;
    residual(w, x, 0, true);
    if (!solved()) continue;  // in a gap nothing tells a wrong solution from the right one
    double cdf = distribution(w, x, 0), density = -w.green(0, 0).imag() / pi, ratio = 0.5;
    const Index last = w.iterations + 20 * patience;
    while (true) {
      ladder->rungs.push_back({x, w.unknown});
      const double here = x;
      bool found = false;
      for (; !found && ratio < 0.97 && w.iterations < last; ratio = std::sqrt(ratio)) {
        x = here * ratio;
        w.unknown = ladder->rungs.back().unknown;
        residual(w, here, 0, true);
        tangent(w, true);
        move(w, x - here);
        const Index before = w.iterations;
        found = newton(w, x, 0, 12, true) && is_resolvent(w, 1e-7);
        if (!found) continue;
        residual(w, x, 0, true);
        found = solved();
        if (found) {  // the mass between: where rounding is felt, it does not fit the densities
          const double fresh = distribution(w, x, 0), now = -w.green(0, 0).imag() / pi;
          double grown = side * (cdf - fresh);
          grown -= 2 * std::round(grown / 2);
          const double width = std::abs(here - x);
          found = grown > 0.5 * width * std::min(density, now) - 1e-15 &&
                  grown < 2 * width * std::max(density, now) + 1e-15;
          if (found) {
            cdf = fresh;
            density = now;
          }
        }
        if (found && w.iterations - before < 6) ratio = std::max(ratio * ratio, 0.01);
        if (found) break;
      }
      if (!found || std::abs(x) < lowest_rung * reach_) break;
    }
    ladder->least[side > 0] = std::abs(ladder->rungs.back().x);
  }
  auto& rungs = ladder->rungs;
  std::sort(rungs.begin(), rungs.end(), [](const auto& a, const auto& b) { return a.x < b.x; });
  ladder_ = std::move(ladder);
}

std::pair<double, double> Pencil::reached() const {
  if (!ladder_) return {0, 0};
  return {ladder_->least[0], ladder_->least[1]};
}

/// From the nearest rung, if x lies on the ladder.
bool Pencil::from_rung(Work& w, double x) const {
  if (!ladder_ || ladder_->rungs.empty() || !(std::abs(x) < topmost_rung * reach_)) return false;
  const auto& rungs = ladder_->rungs;
  auto rung = std::lower_bound(rungs.begin(), rungs.end(), x, [](const auto& r, double at) { return r.x < at; });
  const auto distance = [&](const auto& r) {
    return (r->x > 0) == (x > 0) ? std::abs(std::log(r->x / x)) : std::numeric_limits<double>::infinity();
  };
  if (rung == rungs.end() || (rung != rungs.begin() && distance(std::prev(rung)) < distance(rung))) --rung;
  if (std::isinf(distance(rung))) return false;
  prepare(w);
  for (int steps = 1; steps <= 64; steps *= 4) {  // in equal ratios
    w.unknown = rung->unknown;
    double here = rung->x;
    bool good = true;
    for (int k = 1; k <= steps && good; ++k) {
      const double next = k == steps ? x : rung->x * std::pow(x / rung->x, static_cast<double>(k) / steps);
      residual(w, here, 0, true);
      tangent(w, true);
      move(w, next - here);
      good = newton(w, next, 0, 12, true) && is_resolvent(w, 1e-7) && w.last_step < 1e-9;
      here = next;
    }
    if (good) return true;
  }
  return false;
}

}  // namespace deeprmt::freeprob
