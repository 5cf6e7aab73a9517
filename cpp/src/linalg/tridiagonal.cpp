#include "deeprmt/linalg/tridiagonal.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "secular.hpp"

namespace deeprmt::linalg {
namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();
constexpr double negligible = 0x1p-70;  // beside a matrix of order 1; keeps what is left far from underflow
constexpr Index leaf = 24;              // smaller matrices go to the QL iteration
constexpr Index subtree = 512;          // up to this size one thread does a whole subtree

/// Eigenvalues of one node of the tree, ascending, and the first and last rows of its eigenvectors. All nodes share
/// three arrays; a node has the piece of its rows.
struct Rows {
  double *value, *first, *last;
};

/// Implicit QL with Wilkinson's shift, which turns the two rows along; e (m) is destroyed.
void ql(Index m, double* d, double* e, double* first, double* last) {
  e[m - 1] = 0;
  for (Index low = 0; low < m; ++low)
    for (int round = 0;; ++round) {
      Index high = low;
      while (high + 1 < m && std::abs(e[high]) > eps / 4 * (std::abs(d[high]) + std::abs(d[high + 1])) + negligible)
        ++high;
      if (high == low) break;
      if (round == 100) throw std::runtime_error("eigvals_tridiagonal: the QL iteration did not converge");
      const double half = (d[low + 1] - d[low]) / (2 * e[low]);
      double g = d[high] - d[low] + e[low] / (half + std::copysign(std::hypot(half, 1.0), half));
      double s = 1, c = 1, shift = 0;
      bool is_split = false;
      for (Index i = high - 1; i >= low; --i) {
        const double f = s * e[i], b = c * e[i], length = std::sqrt(f * f + g * g);
        e[i + 1] = length;
        if (length == 0) {
          d[i + 1] -= shift;
          e[high] = 0;
          is_split = true;
          break;
        }
        const double inverse = 1 / length;
        s = f * inverse;
        c = g * inverse;
        g = d[i + 1] - shift;
        const double r = (d[i] - g) * s + 2 * c * b;
        shift = s * r;
        d[i + 1] = g + shift;
        g = c * r - b;
        const double f1 = first[i + 1], l1 = last[i + 1];
        first[i + 1] = s * first[i] + c * f1;
        first[i] = c * first[i] - s * f1;
        last[i + 1] = s * last[i] + c * l1;
        last[i] = c * last[i] - s * l1;
      }
      if (is_split) continue;
      d[low] -= shift;
      e[low] = g;
      e[high] = 0;
    }
}

void solve_leaf(Rows rows, Index begin, Index end, const double* off) {
  const Index m = end - begin;
  double d[leaf], e[leaf], first[leaf] = {}, last[leaf] = {};
  std::copy_n(rows.value + begin, m, d);
  std::copy_n(off + begin, m - 1, e);
  first[0] = last[m - 1] = 1;
  if (std::abs(d[0]) > std::abs(d[m - 1])) {  // QL wants the small end first
    std::reverse(d, d + m);
    std::reverse(e, e + m - 1);
    std::swap(first[0], first[m - 1]);
    std::swap(last[0], last[m - 1]);
  }
  ql(m, d, e, first, last);
  for (Index i = 0; i < m; ++i) {
    Index at = begin + i;
    for (; at > begin && rows.value[at - 1] > d[i]; --at) {
      rows.value[at] = rows.value[at - 1];
      rows.first[at] = rows.first[at - 1];
      rows.last[at] = rows.last[at - 1];
    }
    rows.value[at] = d[i];
    rows.first[at] = first[i];
    rows.last[at] = last[i];
  }
}

/// Two neighbours become one: what is left of the secular equation once poles that do not move are set aside.
struct Merge {
  Index begin, middle, end;
  Secular equation;
  std::vector<double> value, first, last;  // those set aside

  void prepare(Rows rows, double coupling);
  void finish(Rows rows, bool with_rows);
};

void Merge::prepare(Rows rows, double coupling) {
  const double root = std::sqrt(std::abs(coupling)), right = std::copysign(root, coupling);
  equation = Secular(end - begin);
  Secular& q = equation;
  // Poles of both sides in one ascending list.
  double largest = 0, weight = 0;
  for (Index i = begin, j = middle, k = 0; k < end - begin; ++k) {
    const bool from_left = j == end || (i < middle && rows.value[i] <= rows.value[j]);
    const Index at = from_left ? i++ : j++;
    q.pole[k] = rows.value[at];
    q.z[k] = from_left ? root * rows.last[at] : right * rows.first[at];
    q.first[k] = from_left ? rows.first[at] : 0;
    q.last[k] = from_left ? 0 : rows.last[at];
    largest = std::max(largest, std::abs(rows.value[at]));
    weight += q.z[k] * q.z[k];
  }
  // A pole stays where it is if its weight is negligible, or, after a turn that takes the weight, if the next is near.
  const double tolerance = std::max(2 * eps * std::max(largest, weight), negligible), length = std::sqrt(weight);
  const auto set_aside = [&](Index k) {
    value.push_back(q.pole[k]);
    first.push_back(q.first[k]);
    last.push_back(q.last[k]);
  };
  Index kept = 0;
  const auto keep = [&](Index k) {
    q.pole[kept] = q.pole[k];
    q.z[kept] = q.z[k];
    q.first[kept] = q.first[k];
    q.last[kept] = q.last[k];
    ++kept;
  };
  Index before = -1;
  for (Index k = 0; k < end - begin; ++k) {
    if (length * std::abs(q.z[k]) <= tolerance) {
      set_aside(k);
      continue;
    }
    if (before >= 0) {
      const double both = std::hypot(q.z[k], q.z[before]), c = q.z[k] / both, s = -q.z[before] / both;
      if (std::abs((q.pole[k] - q.pole[before]) * c * s) > tolerance) {
        keep(before);
      } else {
        q.z[k] = both;
        // As p + ..., not p s^2 + p1 c^2: rounding must never bring it below p, however many turns follow.
        const double p = q.pole[before], moved = (q.pole[k] - p) * (c * c), f = q.first[before], l = q.last[before];
        q.pole[before] = q.pole[k] - moved;
        q.pole[k] = p + moved;
        q.first[before] = c * f + s * q.first[k];
        q.first[k] = c * q.first[k] - s * f;
        q.last[before] = c * l + s * q.last[k];
        q.last[k] = c * q.last[k] - s * l;
        set_aside(before);
      }
    }
    before = k;
  }
  if (before >= 0) keep(before);
  q.size = kept;
  if (kept > 0) q.pad();
}

void Merge::finish(Rows rows, bool with_rows) {
  const Index kept = equation.size, aside = static_cast<Index>(value.size());
  std::vector<Index> order(static_cast<std::size_t>(aside));
  for (Index i = 0; i < aside; ++i) order[static_cast<std::size_t>(i)] = i;
  std::sort(order.begin(), order.end(), [&](Index a, Index b) { return value[a] < value[b]; });
  for (Index i = 0, j = 0, k = begin; k < end; ++k) {
    const double root = i < kept ? equation.origin[i] + equation.offset[i] : 0;
    const bool is_root = j == aside || (i < kept && root <= value[order[j]]);
    rows.value[k] = is_root ? root : value[order[j]];
    if (with_rows) {
      rows.first[k] = is_root ? equation.new_first[i] : first[order[j]];
      rows.last[k] = is_root ? equation.new_last[i] : last[order[j]];
    }
    (is_root ? i : j) += 1;
  }
}

/// Merges pairs of neighbours, all of one level of the tree.
void merge_level(std::vector<Merge>& level, Rows rows, const double* off, bool is_top, int threads) {
  const auto for_each = [&](double work, const auto& body) {
    parallel_for(static_cast<Index>(level.size()), useful_threads(work, threads),
                 [&](Index i) { body(level[static_cast<std::size_t>(i)]); });
  };
  double size = 0, pairs = 0;
  for (const Merge& m : level) size += static_cast<double>(m.end - m.begin);
  for_each(100 * size, [&](Merge& m) { m.prepare(rows, off[m.middle - 1]); });

  // Pieces of all equations side by side: a single large one keeps every thread busy, and so do many small ones.
  struct Piece {
    Secular* equation;
    Index begin, end;
  };
  std::vector<Piece> pieces;
  for (Merge& m : level) {
    Secular& q = m.equation;
    pairs += static_cast<double>(q.size) * static_cast<double>(q.size);
    for (Index begin = 0; begin < q.size; begin += secular_block)
      pieces.push_back({&q, begin, std::min(begin + secular_block, q.size)});
  }
  const auto for_pieces = [&](double work, const auto& body) {
    parallel_for(static_cast<Index>(pieces.size()), useful_threads(work, threads),
                 [&](Index i) { body(pieces[static_cast<std::size_t>(i)]); });
  };
  for_pieces(40 * pairs, [&](const Piece& p) {
    const double scale = std::max(std::abs(p.equation->pole[0]), std::abs(p.equation->pole[p.equation->size - 1]));
    p.equation->solve(p.begin, p.end, is_top ? eps / 16 * scale : 0);
  });
  if (!is_top) {
    for_pieces(10 * pairs, [](const Piece& p) { p.equation->refine(p.begin, p.end); });
    for_pieces(10 * pairs, [](const Piece& p) { p.equation->rotate(p.begin, p.end); });
  }
  for_each(50 * size, [&](Merge& m) { m.finish(rows, !is_top); });
}

/// Eigenvalues of a matrix scaled to about 1, in place of its diagonal.
void divide_and_conquer(Index n, double* d, const double* off, int threads) {
  int depth = 0, shared = 0;
  while ((n >> depth) >= leaf) ++depth;
  while (shared < depth && (n >> shared) > subtree) ++shared;
  const auto bound = [&](Index i, int level) { return i * n >> level; };

  std::vector<double> first(static_cast<std::size_t>(n)), last(static_cast<std::size_t>(n));
  const Rows rows{d, first.data(), last.data()};
  for (Index i = 1; i < Index{1} << depth; ++i) {
    const Index cut = bound(i, depth);
    const double coupling = std::abs(off[cut - 1]);
    d[cut - 1] -= coupling;
    d[cut] -= coupling;
  }
  const auto merge = [&](Index begin, Index end, int level, int team) {
    std::vector<Merge> merges;
    for (Index i = begin; i < end; ++i)
      merges.push_back({bound(i, level), bound(2 * i + 1, level + 1), bound(i + 1, level), {}, {}, {}, {}});
    merge_level(merges, rows, off, level == 0, team);
  };
  const double of_subtree = static_cast<double>(n >> shared);
  parallel_for(Index{1} << shared, useful_threads(100.0 * static_cast<double>(n) * of_subtree, threads), [&](Index t) {
    const int below = depth - shared;
    for (Index i = t << below; i < (t + 1) << below; ++i) solve_leaf(rows, bound(i, depth), bound(i + 1, depth), off);
    for (int level = depth - 1; level >= shared; --level)
      merge(t << (level - shared), (t + 1) << (level - shared), level, 1);
  });
  for (int level = shared - 1; level >= 0; --level) merge(0, Index{1} << level, level, threads);
}

}  // namespace

template <class T>
void eigvals_tridiagonal(Index n, const T* diagonal, const T* off, T* out, int threads) {
  check::at_least("eigvals_tridiagonal", "n", n, 1);
  double largest = 0;
  for (Index i = 0; i < n; ++i) {
    check::that(std::isfinite(diagonal[i]), "eigvals_tridiagonal: diagonal must be finite, found ",
                check::unsigned_nan(diagonal[i]), " at index ", i);
    largest = std::max(largest, std::abs(static_cast<double>(diagonal[i])));
  }
  for (Index i = 0; i + 1 < n; ++i) {
    check::that(std::isfinite(off[i]), "eigvals_tridiagonal: off must be finite, found ", check::unsigned_nan(off[i]),
                " at index ", i);
    largest = std::max(largest, std::abs(static_cast<double>(off[i])));
  }
  std::vector<double> d(static_cast<std::size_t>(n)), e(static_cast<std::size_t>(n));
  if (largest == 0) return std::fill_n(out, n, T(0)), void();
  // Blocks that nothing couples are solved by themselves, each at its own scale.
  bool is_one = true;
  for (Index begin = 0, end = 0; begin < n; begin = end) {
    double scale = std::abs(static_cast<double>(diagonal[begin]));
    for (end = begin + 1; end < n; ++end) {
      const double coupling = std::abs(static_cast<double>(off[end - 1]));
      const double below = std::abs(static_cast<double>(diagonal[end - 1]));
      const double beside = std::abs(static_cast<double>(diagonal[end]));
      if (coupling <= eps / 2 * std::sqrt(below) * std::sqrt(beside)) break;
      scale = std::max({scale, coupling, beside});
    }
    is_one = is_one && begin == 0 && end == n;
    const int shift = scale > 0 ? std::ilogb(scale) : 0;
    for (Index i = begin; i < end; ++i) {
      d[i] = std::ldexp(static_cast<double>(diagonal[i]), -shift);
      if (i + 1 < end) e[i] = std::ldexp(static_cast<double>(off[i]), -shift);
    }
    divide_and_conquer(end - begin, d.data() + begin, e.data() + begin, threads);
    for (Index i = begin; i < end; ++i) d[i] = std::ldexp(d[i], shift);
  }
  if (!is_one || n < leaf) std::sort(d.begin(), d.end());
  for (Index i = 0; i < n; ++i) out[i] = static_cast<T>(d[i]);
}

template <class T>
void eigvals_tridiagonal(MatIn<T> diagonal, MatIn<T> off, MatOut<T> out, int threads) {
  const Index count = diagonal.rows(), n = diagonal.cols();
  check::at_least("eigvals_tridiagonal", "n", n, 1);
  check::shape("eigvals_tridiagonal", "off", off, count, n - 1);
  check::shape("eigvals_tridiagonal", "out", out, count, n);
  const auto one = [&](Index c, int inner_threads) {
    eigvals_tridiagonal<T>(n, diagonal.data() + c * diagonal.outerStride(), off.data() + c * off.outerStride(),
                           out.data() + c * out.outerStride(), inner_threads);
  };
  const double work = 100.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(count);
  if (count >= threads) return parallel_for(count, useful_threads(work, threads), [&](Index c) { one(c, 1); });
  for (Index c = 0; c < count; ++c) one(c, threads);
}

#define DEEPRMT_INSTANTIATE(T)                                              \
  template void eigvals_tridiagonal<T>(Index, const T*, const T*, T*, int); \
  template void eigvals_tridiagonal<T>(MatIn<T>, MatIn<T>, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
