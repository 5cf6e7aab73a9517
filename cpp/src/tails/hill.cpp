#include "deeprmt/tails/hill.hpp"

#include <cmath>
#include <vector>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/parallel.hpp"

namespace deeprmt::tails {
namespace {

constexpr Index grain = 1024;  // of running sums
constexpr Index together = 4;  // sums that run side by side: one alone would wait for each addition

constexpr double close = 1e-3;

/// weighted[i] = (i + 1) log(x_{i+1} / x_{i+2}) for x_i = top[1 - i], accurate relative to itself where neighbours
/// differ by little: then their difference is exact, while the logarithm of the quotient would round.
DEEPRMT_LEAF void close_terms_loop(const double* top, Index begin, Index end, double* weighted) {
  for (Index i = begin; i < end; ++i) {
    const double d = (top[-i] - top[-i - 1]) / top[-i - 1];
    const double log1p = d * (1 - d * (1.0 / 2 - d * (1.0 / 3 - d * (1.0 / 4 - d * (1.0 / 5 - d * (1.0 / 6))))));
    weighted[i] = static_cast<double>(i + 1) * (d < close ? log1p : -1.0);
  }
}
constexpr auto close_terms = clones<close_terms_loop>;

double far_term(double large, double small) {
  const double d = (large - small) / small;
  return d < 1e300 ? std::log1p(d) : std::log(large) - std::log(small);
}

/// Sums to means, and their standard errors.
DEEPRMT_LEAF void finish_loop(double offset, Index begin, Index end, double* sum, double* error) {
  for (Index i = begin; i < end; ++i) {
    const double r = 1 / std::sqrt(static_cast<double>(i + 1));
    sum[i] = (offset + sum[i]) * (r * r);
    error[i] = sum[i] * r;
  }
}
constexpr auto finish = clones<finish_loop>;

}  // namespace

void hill(VecIn<double> ascending, VecOut<double> xi, VecOut<double> error, int threads) {
  const Index n = ascending.size();
  check::at_least("hill", "the number of values", n, 2);
  check::that(xi.size() == n - 1 && error.size() == n - 1, "hill: xi and error must have ", n - 1, " entries, got ",
              xi.size(), " and ", error.size());
  check::apart("hill", "the values", ascending.transpose(), "xi", xi.transpose());
  check::apart("hill", "the values", ascending.transpose(), "error", error.transpose());
  check::apart("hill", "xi", xi.transpose(), "error", error.transpose());
  const double* top = ascending.data() + n - 1;  // x_i = top[1 - i]
  double* sum = xi.data();

  // Running sums inside pieces, then of the pieces (compensated), then both together.
  parallel_ranges(n - 1, together * grain, threads, [&](Index begin, Index end) {
    close_terms(top, begin, end, sum);
    double totals[together] = {};
    const auto add = [&](Index lane, Index i) {
      const double term = sum[i] >= 0 ? sum[i] : static_cast<double>(i + 1) * far_term(top[-i], top[-i - 1]);
      sum[i] = totals[lane] += term;
    };
    if (end - begin == together * grain) {
      for (Index i = begin; i < begin + grain; ++i)
        for (Index lane = 0; lane < together; ++lane) add(lane, i + lane * grain);
    } else {
      for (Index i = begin; i < end; ++i) add((i - begin) / grain, i);
    }
  });
  std::vector<double> before;
  double total = 0, lost = 0;
  for (Index end = grain; end <= n - 1 + grain; end += grain) {
    before.push_back(total);
    const double term = sum[std::min(end, n - 1) - 1] - lost, next = total + term;
    lost = (next - total) - term;
    total = next;
  }
  parallel_ranges(n - 1, together * grain, threads, [&](Index begin, Index end) {
    for (Index i = begin; i < end; i += grain)
      finish(before[i / grain], i, std::min(i + grain, end), sum, error.data());
  });
}

}  // namespace deeprmt::tails
