#include "bidiagonal.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/tridiagonal.hpp"

namespace deeprmt::linalg {
namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();
constexpr int together = 8;  // points counted at once, so that their chains of divisions overlap

using Points = std::array<double, together>;
using Counts = std::array<Index, together>;

/// How many eigenvalues lie below each x: the pivots of B^T B - x by the stationary qd transform, which perturbs each
/// entry of B by a few roundings only. Dhillon & Parlett, Linear Algebra Appl. 387, 1 (2004).
DEEPRMT_LEAF void count_loop(Index n, const double* square, const double* off_square, const double* x, double* count) {
  double s[together], sum[together] = {}, shift[together];
  for (int r = 0; r < together; ++r) s[r] = -(shift[r] = x[r]);
  for (Index i = 0; i < n; ++i)
    for (int r = 0; r < together; ++r) {
      double pivot = square[i] + s[r];
      pivot = pivot == 0 ? 1e-150 : pivot;
      sum[r] += pivot < 0 ? 1.0 : 0.0;
      s[r] = off_square[i] / pivot * s[r] - shift[r];
    }
  for (int r = 0; r < together; ++r) count[r] = sum[r];
}

Counts count_below(Index n, const double* square, const double* off_square, const Points& x) {
  Points count;
  clones<count_loop>(n, square, off_square, x.data(), count.data());
  Counts whole;
  for (int r = 0; r < together; ++r) whole[r] = static_cast<Index>(count[r]);
  return whole;
}

/// Eigenvalues `begin`, ..., `end` - 1 (at most `together`) to full relative accuracy, near those at hand.
void bisect(Index n, const double* square, const double* off_square, double largest, double small, Index begin,
            Index end, double* out) {
  const Index count = end - begin;
  const double width = 64 * eps * largest;
  Points low, high, x;
  for (int r = 0; r < together; ++r) {
    const double value = out[begin + std::min<Index>(r, count - 1)];
    low[r] = std::max(value - width, 0.0);
    high[r] = std::max(value, 0.0) + width;
  }
  // Where the first ones meet, the answer is wrong: look farther out.
  const Counts at_low = count_below(n, square, off_square, low), at_high = count_below(n, square, off_square, high);
  for (Index r = 0; r < count; ++r) {
    if (at_low[r] > begin + r) low[r] = 0;
    if (at_high[r] <= begin + r) high[r] = 2 * small * largest;
  }
  for (int round = 0; round < 200; ++round) {
    check_interrupt();
    bool is_done = true;
    for (int r = 0; r < together; ++r) {
      const bool is_open = high[r] - low[r] > 2 * eps * high[r] && high[r] > 1e-300;
      is_done = is_done && !is_open;
      const double mean = low[r] + (high[r] - low[r]) / 2;
      x[r] = low[r] == 0 ? high[r] * 1e-3 : high[r] > 4 * low[r] ? std::sqrt(low[r]) * std::sqrt(high[r]) : mean;
    }
    if (is_done) break;
    const Counts below = count_below(n, square, off_square, x);
    for (int r = 0; r < together; ++r) (below[r] <= begin + std::min<Index>(r, count - 1) ? low[r] : high[r]) = x[r];
  }
  for (Index r = 0; r < count; ++r) out[begin + r] = high[r] > 1e-300 ? low[r] + (high[r] - low[r]) / 2 : 0;
}

/// LAPACK's dqds, for matrices most of whose values are small.
void by_qd(Index n, const double* diagonal, const double* off, double* out) {
  const int size = blas::narrow(n), none = 0, one = 1;
  std::vector<double> e(off, off + n - 1), work(static_cast<std::size_t>(4 * n));
  e.push_back(0);
  std::copy_n(diagonal, n, out);
  double unused = 0;
  int info = 0;
  blas::call<double>(blas::Routine::bdsqr, "U", &size, &none, &none, &none, out, e.data(), &unused, &one, &unused, &one,
                     &unused, &one, work.data(), &info);
  if (info != 0) throw std::runtime_error("LAPACK bdsqr did not converge, info " + std::to_string(info));
  std::reverse(out, out + n);
}

}  // namespace

void values_of_bidiagonal(Index n, const double* diagonal, const double* off, double small, double* out, int threads) {
  std::vector<double> square(static_cast<std::size_t>(n)), off_square(square.size()), d(square.size()),
      e(square.size());
  for (Index i = 0; i < n; ++i) {
    square[i] = diagonal[i] * diagonal[i];
    off_square[i] = i + 1 < n ? off[i] * off[i] : 0;
    d[i] = square[i] + (i > 0 ? off_square[i - 1] : 0);
    if (i + 1 < n) e[i] = diagonal[i] * off[i];
  }
  eigvals_tridiagonal<double>(n, d.data(), e.data(), out, threads);
  const double largest = out[n - 1];
  const Index again = std::lower_bound(out, out + n, small * largest) - out;
  if (again > n / 4 + 2 * together) return by_qd(n, diagonal, off, out);
  parallel_for((again + together - 1) / together, useful_threads(400.0 * static_cast<double>(n * again), threads),
               [&](Index i) {
                 bisect(n, square.data(), off_square.data(), largest, small, i * together,
                        std::min((i + 1) * together, again), out);
               });
  if (again > 0 && out[0] < 1e-250) return by_qd(n, diagonal, off, out);  // squares that underflow, or nearly
  for (Index i = 1; i <= again && i < n; ++i) out[i] = std::max(out[i], out[i - 1]);
  for (Index i = 0; i < n; ++i) out[i] = std::sqrt(out[i]);
}

}  // namespace deeprmt::linalg
