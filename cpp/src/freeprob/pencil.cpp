#include "deeprmt/freeprob/pencil.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/parallel.hpp"
#include "pencil_work.hpp"

namespace deeprmt::freeprob {
namespace {

using small::Complex;
using small::Matrix;

constexpr double pi = std::numbers::pi;
constexpr double least_density = 1e-9;

}  // namespace

Pencil::Pencil(Mat<Complex> constant, std::vector<Mat<Complex>> frames, std::vector<Mat<Complex>> cores,
               std::vector<LetterLaw> laws, double reach)
    : constant_(std::move(constant)), laws_(std::move(laws)), size_(constant_.rows()), reach_(reach) {
  const char* name = "Pencil";
  check::at_least(name, "constant.rows()", size_, 1);
  check::shape(name, "constant", constant_, size_, size_);
  check::that(!frames.empty() && frames.size() == laws_.size() && cores.size() == laws_.size(), name,
              ": frames, cores and laws must be one each a variable, got ", frames.size(), ", ", cores.size(), " and ",
              laws_.size());
  check::that(reach > 0 && std::isfinite(reach), name, ": reach must be above 0, got ", reach);
  double bound = constant_.cwiseAbs().rowwise().sum().maxCoeff();
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Index r = frames[i].cols();
    check::at_least(name, "frames.cols()", r, 1);
    check::shape(name, "frames", frames[i], size_, r);
    check::shape(name, "cores", cores[i], r, r);
    first_.push_back(ranks_);
    rank_.push_back(r);
    ranks_ += r;
    Matrix inverse, scratch;
    check::that(cores[i].allFinite() && small::invert(plain(cores[i]), inverse, scratch), name,
                ": cores must be finite and invertible");
    bound += frames[i].squaredNorm() * cores[i].norm() * laws_[i].radius();
  }
  check::that(constant_.allFinite() && std::isfinite(bound), name, ": constant and frames must be finite");
  frame_.resize(size_, ranks_);
  for (std::size_t i = 0; i < frames.size(); ++i) frame_.middleCols(first_[i], rank_[i]) = frames[i];
  cores_ = std::move(cores);
  height_ = 2 * std::max(bound, reach);
  find_active();
  // Right of the law the distribution function is 1.
  Vec<double> x(1), density(1), cdf(1), bulk(1);
  x[0] = 2 * reach;
  const Report report = evaluate(x, density, cdf, bulk, 1);
  check::that(report.failed == 0, name, ": no solution was found at ", x[0], ", far right of the law");
  offset_ = 1 - cdf[0];
}

/// 1 - Im U / pi, U as in the header, modulo 2; after a last call of residual.
double Pencil::distribution(Work& w, Complex z, double eta) const {
  residual(w, z, eta, false);
  Complex u = w.log_det;
  for (std::size_t i = 0; i < laws_.size(); ++i) {
    const LetterLaw& law = laws_[i];
    const int r = static_cast<int>(rank_[i]);
    const Matrix &g = w.g[i], &rho = w.rho[i];
    Complex trace = 0;
    for (int a = 0; a < r; ++a)
      for (int b = 0; b < r; ++b) trace += g(a, b) * rho(b, a);
    if (law.kind() == LetterLaw::Kind::semicircle) {
      u += trace / 2.0;
      continue;
    }
    Matrix& m = w.omega;
    const bool poisson = law.kind() == LetterLaw::Kind::poisson;
    if (poisson)
      small::product(g, w.core[i], m);
    else
      small::product(w.inverse_core[i], w.unknown[i], m);
    small::balance(m, w.sizes);
    small::eigen(m, w.values, w.vectors, w.schur, w.basis);
    if (poisson) {
      // tr(g rho) - int tr(rho dg), along a straight line from g = 0, on which no eigenvalue passes 1 / jump.
      u += trace;
      for (const Complex& each : w.values) u += law.mean() / law.jump() * std::log(1.0 - law.jump() * each);
    } else {
      w.step.size(r, 0);
      w.scratch = g;
      small::solve(w.scratch, w.step, &u);                            // log det g
      for (const Complex& each : w.values) u += law.potential(each);  // and log det S, a constant
    }
  }
  double slope = 0;  // eta shifts all of b, and dU/db = G
  for (int a = 0; a < static_cast<int>(size_); ++a) slope += w.green(a, a).real();
  return 1 - (u.imag() - eta * slope) / pi;
}

Pencil::Report Pencil::evaluate(VecIn<double> x, VecOut<double> density, VecOut<double> cdf, VecOut<double> bulk,
                                int threads) const {
  check::that(density.size() == x.size() && cdf.size() == x.size() && bulk.size() == x.size(),
              "Pencil.evaluate: outputs must be as long as x");
  check::finite("Pencil.evaluate", "x", x);
  std::vector<Index> order(static_cast<std::size_t>(x.size()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
  std::sort(order.begin(), order.end(), [&](Index a, Index b) { return x[a] < x[b] || (x[a] == x[b] && a < b); });
  const Index grain = 32, chunks = (x.size() + grain - 1) / grain;
  std::vector<char> bad(order.size(), 0);
  std::vector<Report> reports(static_cast<std::size_t>(chunks));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  parallel_ranges(x.size(), grain, threads, [&](Index begin, Index end) {
    Work w;
    Report& report = reports[static_cast<std::size_t>(begin / grain)];
    bool warm = false;
    double last = 0;
    const auto green = [&] { return -w.green(0, 0).imag() / pi; };
    // Close to an atom rounding is large, but not against G itself.
    const auto has_density = [&] { return green() > least_density * std::max(1 / reach_, std::abs(w.green(0, 0))); };
    for (Index k = begin; k < end; ++k) {
      const Index i = order[static_cast<std::size_t>(k)];
      const double at = x[i];
      if (ladder_ && std::abs(at) < ladder_->least[at > 0]) {
        density[i] = cdf[i] = bulk[i] = nan;
        bad[static_cast<std::size_t>(k)] = 1;
        warm = false;
        continue;
      }
      if (warm) {  // along the tangent, for as long as that leads to a solution with a density
        residual(w, last, 0, true);
        tangent(w, true);
        move(w, at - last);
        warm = sweep(w, at);
        if (warm) {
          cdf[i] = distribution(w, at, 0) + offset_;
          density[i] = green();
          warm = density[i] > 1e-6 / reach_;
        }
      }
      if (!warm && from_rung(w, at)) {
        cdf[i] = distribution(w, at, 0) + offset_;
        density[i] = green();
        warm = density[i] > 1e-6 / reach_;
      }
      if (!warm) {
        const bool on_ladder = ladder_ && ladder_->least[at > 0] > 0 && std::abs(at) < 1e-6 * reach_;
        if (on_ladder || !from_afar(w, at)) {
          density[i] = cdf[i] = bulk[i] = nan;
          bad[static_cast<std::size_t>(k)] = 1;
          continue;
        }
        cdf[i] = distribution(w, at, nearest) + offset_;
        density[i] = green();
        const std::vector<Matrix> before = w.unknown;
        const double above = cdf[i];
        if (newton(w, at, 0, 12, true) && is_resolvent(w, 1e-7)) {
          const double on_axis = distribution(w, at, 0) + offset_;
          density[i] = green();
          cdf[i] = has_density() ? on_axis : above;
        } else {  // a singular point: what the height above it gives
          w.unknown = before;
        }
        warm = density[i] > 1e-6 / reach_;
      }
      bulk[i] = has_density();
      if (bulk[i] == 0) density[i] = 0;
      cdf[i] -= 2 * std::floor((cdf[i] + 0.5) / 2);
      report.residual = std::max(report.residual, w.unmet);
      last = at;
    }
    report.iterations = w.iterations;
  });
  Report out;
  for (const Report& each : reports) {
    out.residual = std::max(out.residual, each.residual);
    out.iterations += each.iterations;
  }
  for (std::size_t k = bad.size(); k-- > 0;)
    if (bad[k]) {
      ++out.failed;
      out.first_failure = x[order[k]];
    }
  return out;
}

Pencil::Report Pencil::resolvent(const std::vector<Complex>& z, std::vector<Complex>& g, int threads) const {
  g.resize(z.size());
  std::vector<char> bad(z.size(), 0);
  std::vector<Report> reports(z.size());
  const double nan = std::numeric_limits<double>::quiet_NaN();
  parallel_for(static_cast<Index>(z.size()), threads, [&](Index k) {
    const auto i = static_cast<std::size_t>(k);
    check::that(z[i].imag() >= 0 && std::isfinite(std::abs(z[i])),
                "Pencil.resolvent: z must be finite and not below the real axis, got ", z[i]);
    Work w;
    if (!from_afar(w, z[i])) {
      g[i] = {nan, nan};
      bad[i] = 1;
      return;
    }
    const std::vector<Matrix> before = w.unknown;
    if (!newton(w, z[i], 0, 12, true) || !is_resolvent(w, 1e-7)) {
      w.unknown = before;
      residual(w, z[i], nearest, false);
    } else {
      residual(w, z[i], 0, false);
    }
    g[i] = w.green(0, 0);
    if (z[i].imag() == 0 && -g[i].imag() / pi <= least_density * std::max(1 / reach_, std::abs(g[i])))
      g[i] = g[i].real();
    reports[i].residual = w.unmet;
    reports[i].iterations = w.iterations;
  });
  Report out;
  for (std::size_t i = z.size(); i-- > 0;) {
    out.residual = std::max(out.residual, reports[i].residual);
    out.iterations += reports[i].iterations;
    if (bad[i]) {
      ++out.failed;
      out.first_failure = std::abs(z[i]);
    }
  }
  return out;
}

}  // namespace deeprmt::freeprob
