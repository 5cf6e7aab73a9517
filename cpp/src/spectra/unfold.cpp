#include "deeprmt/spectra/unfold.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/exponential.hpp"
#include "deeprmt/core/parallel.hpp"

namespace deeprmt::spectra {
namespace {

constexpr double reach = 8.3;    // Phi(-8.3) = 5e-17
constexpr Index grain = 512;     // levels of one block of targets; sets no result
constexpr double flat = 1e-290;  // where 1 / width would overflow; levels are scaled to 1e300

/// Phi(t) to 2e-16 absolute for |t| <= 8.4, branch-free so that a loop over it becomes vector code:
/// exp(-t^2 / 2) times a polynomial in (|t| - 4) / (|t| + 4), fitted by interpolation at Chebyshev points.
inline double normal_cdf(double t) {
  const double u = std::fabs(t), q = (u - 4) / (u + 4);
  double g = 5.8320552540802210e-8;
  g = g * q + 3.8674827446561643e-7;
  g = g * q + 7.5670531036179273e-7;
  g = g * q - 8.3491748733301497e-7;
  g = g * q - 4.3369074985965023e-6;
  g = g * q + 4.6184309646732128e-6;
  g = g * q + 2.8650118208805790e-5;
  g = g * q - 4.5552564068648781e-5;
  g = g * q - 1.8718398660703732e-4;
  g = g * q + 6.3881370645833902e-4;
  g = g * q + 5.0756204004443478e-4;
  g = g * q - 8.4920954791370782e-3;
  g = g * q + 3.0864804107596426e-2;
  g = g * q - 7.1707407337724219e-2;
  g = g * q + 1.2437925533924849e-1;
  g = g * q - 1.7039772154845592e-1;
  g = g * q + 9.4410641301968963e-2;

  const double tail = g * exp_negative(-0.5 * t * t);
  return t > 0 ? 1 - tail : tail;
}

/// sum[i] += Phi((x[i] - centre) * inverse)
DEEPRMT_LEAF void add_broadened_loop(const double* x, double centre, double inverse, double* sum, Index n) {
  for (Index i = 0; i < n; ++i) sum[i] += normal_cdf((x[i] - centre) * inverse);
}
constexpr auto add_broadened = clones<add_broadened_loop>;

/// The stretch [low, high) of levels that a level meets; below it Phi counts as 0, from `high` on as 1.
struct Stretch {
  Index low, high;
  double inverse_width;  // 0: a step
};

/// Moves `i` to the first level not below (or, with `past`, above) `edge`, starting from where it is.
template <bool past>
Index walk(const double* x, Index n, Index i, double edge) {
  const auto before = [&](double v) { return past ? v <= edge : v < edge; };
  Index step = 1;
  if (before(x[i])) {  // gallop up
    while (i + step < n && before(x[i + step])) i += step, step *= 2;
    return std::partition_point(x + i, x + std::min(n, i + step + 1), before) - x;
  }
  while (i - step >= 0 && !before(x[i - step])) i -= step, step *= 2;  // gallop down
  return std::partition_point(x + std::max<Index>(0, i - step), x + i, before) - x;
}

void unfold_row(const double* x, double* out, Index n, Index window, int threads) {
  std::vector<Stretch> stretches(static_cast<std::size_t>(n));
  parallel_ranges(n, 4096, threads, [&](Index begin, Index end) {
    Index low = begin, high = begin;
    for (Index k = begin; k < end; ++k) {
      double width = (x[std::min(k + std::min(window, n), n - 1)] - x[std::max<Index>(k - window, 0)]) / 2;
      if (width < flat) width = 0;
      low = walk<false>(x, n, std::min(low, n - 1), x[k] - reach * width);
      high = walk<true>(x, n, std::min(high, n - 1), x[k] + reach * width);
      stretches[k] = {low, high, width > 0 ? 1 / width : 0};
    }
  });

  // For each block of targets the levels that meet it, in order; and how many levels lie wholly below each target.
  const Index blocks = (n + grain - 1) / grain;
  std::vector<Index> first(static_cast<std::size_t>(blocks) + 1, 0), below(static_cast<std::size_t>(n) + 1, 0);
  for (const Stretch& s : stretches) {
    ++below[s.high];
    for (Index b = s.low / grain; b * grain < s.high; ++b) ++first[b + 1];
  }
  for (Index b = 0; b < blocks; ++b) first[b + 1] += first[b];
  for (Index i = 0; i < n; ++i) below[i + 1] += below[i];
  std::vector<Index> meets(static_cast<std::size_t>(first[blocks])), next(first.begin(), first.end() - 1);
  for (Index k = 0; k < n; ++k)
    for (Index b = stretches[k].low / grain; b * grain < stretches[k].high; ++b) meets[next[b]++] = k;

  parallel_for(blocks, threads, [&](Index b) {
    const Index begin = b * grain, end = std::min(n, begin + grain);
    double sum[grain] = {};
    for (Index m = first[b]; m < first[b + 1]; ++m) {
      const Stretch& s = stretches[meets[m]];
      const Index from = std::max(begin, s.low), to = std::min(end, s.high);
      if (s.inverse_width > 0)
        add_broadened(x + from, x[meets[m]], s.inverse_width, sum + (from - begin), to - from);
      else
        for (Index i = from; i < to; ++i) sum[i - begin] += 0.5;  // equal levels
    }
    for (Index i = begin; i < end; ++i) out[i] = sum[i - begin] + static_cast<double>(below[i]);
  });
}

}  // namespace

void unfold_gaussian(MatIn<double> levels, MatOut<double> out, Index window, int threads) {
  check::at_least("unfold", "the number of levels", levels.cols(), 1);
  check::at_least("unfold", "window", window, 1);
  check::shape("unfold", "out", out, levels.rows(), levels.cols());
  check::apart("unfold", "levels", levels, "out", out);
  check::ascending_rows("unfold", "levels", levels);
  const Index n = levels.cols();
  parallel_for(levels.rows(), threads, [&](Index r) {
    // Scaled by a power of two, which is exact, to about 1e300: no difference of levels overflows, nor is one lost.
    const double largest = std::max(std::fabs(levels(r, 0)), std::fabs(levels(r, n - 1)));
    const int exponent = largest > 0 ? 1000 - std::ilogb(largest) : 0;
    std::vector<double> x(static_cast<std::size_t>(n));
    for (Index i = 0; i < n; ++i) x[i] = std::scalbn(levels(r, i), exponent);
    unfold_row(x.data(), out.row(r).data(), n, window, threads);
  });
}

}  // namespace deeprmt::spectra
