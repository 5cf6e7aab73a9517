// What laws that solve an equation at each point have in common: the loop over points, its report, and when Newton's
// method is done.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/core/types.hpp"

namespace deeprmt {

/// Of many points. Where nothing failed, `failed` is 0.
struct SolveReport {
  Index failed = 0;
  double first_failure = 0;  // the x or |z| of the first point that did not converge
  double residual = 0;       // the largest that Newton's method left, of those that did
  Index iterations = 0;      // Newton steps of all points together, tries that led nowhere among them
};

/// Of one point.
struct Tally {
  Index iterations = 0;
  double residual = 0;  // of the solution found last
};

/// Whether Newton's steps, by their relative sizes, have come as far as they can.
class Convergence {
 public:
  /// @param spared  a next step that is sure to be smaller is not waited for
  explicit Convergence(double spared = 0) : spared_(spared) {}
  /// @param at_rounding  whether the residual is known to be no more than rounding
  bool done(double size, bool at_rounding) {
    // Rounding shows as steps that shrink no longer: close to an edge the slope is small, and they are large.
    const bool stalls = size > last_ / 4;
    // Steps shrink like their squares.
    const double next = (std::isinf(last_) ? 1e4 : size / (last_ * last_)) * size * size;
    shrinks_ = std::min(1.0, next / size);
    last_ = size;
    return size <= 4e-15 || (at_rounding && stalls) || (size < 1e-7 && next < spared_);
  }
  /// By how much the residual shrinks with the step taken last, as far as one can tell.
  double shrinks() const { return shrinks_; }

 private:
  double spared_, last_ = std::numeric_limits<double>::infinity(), shrinks_ = 1;
};

/// The points in ascending order.
inline std::vector<Index> ascending(VecIn<double> x) {
  std::vector<Index> order(static_cast<std::size_t>(x.size()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
  std::sort(order.begin(), order.end(), [&](Index a, Index b) { return x[a] < x[b] || (x[a] == x[b] && a < b); });
  return order;
}

/// Solves points 0 .. n - 1 in chunks of `grain`, which do not depend on threads. start() makes what solves the points
/// of a chunk, one after the other: each(k, tally) says whether point k converged. place(k) is its name in the report.
template <class Start, class Place>
SolveReport solve_points(Index n, Index grain, int threads, const Start& start, const Place& place) {
  std::vector<Tally> tallies(static_cast<std::size_t>(n));
  std::vector<char> bad(tallies.size(), 0);
  parallel_ranges(n, grain, threads, [&](Index begin, Index end) {
    auto each = start();
    for (Index k = begin; k < end; ++k) {
      const auto i = static_cast<std::size_t>(k);
      check_interrupt();
      bad[i] = !each(k, tallies[i]);
    }
  });
  SolveReport report;
  for (std::size_t i = tallies.size(); i-- > 0;) {
    report.iterations += tallies[i].iterations;
    if (bad[i]) {
      ++report.failed;
      report.first_failure = place(static_cast<Index>(i));
    } else {
      report.residual = std::max(report.residual, tallies[i].residual);
    }
  }
  return report;
}

}  // namespace deeprmt
