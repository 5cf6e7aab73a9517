#include "tridiagonal_vectors.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "deeprmt/core/blas.hpp"
#include "merge.hpp"

namespace deeprmt::linalg {
namespace {

constexpr double negligible = 0x1p-70;  // beside a matrix of order 1; keeps what is left far from underflow

template <class T>
class Tree {
 public:
  Tree(VecOut<T> diagonal, T* off, Mat<T>& rows)
      : n_(diagonal.size()), diagonal_(diagonal.data()), off_(off), rows_(rows), levels_{} {
    levels_.value.resize(static_cast<std::size_t>(n_));
    levels_.rank.resize(levels_.value.size());
  }

  Levels& levels() { return levels_; }

  /// Takes the couplings between the leaves out of the diagonal.
  void cut(Index begin, Index end) {
    if (end - begin <= largest_leaf) return;
    const Index middle = middle_of(begin, end, 0);
    const T coupling = std::abs(off_[middle - 1]);
    diagonal_[middle - 1] -= coupling;
    diagonal_[middle] -= coupling;
    cut(begin, middle);
    cut(middle, end);
  }

  void leaf(Index begin, Index end) {
    const int m = blas::narrow(end - begin), ld = blas::narrow(rows_.outerStride());
    T work[2 * largest_leaf];
    int info = 0;
    blas::call<T>(blas::Routine::steqr, "I", &m, diagonal_ + begin, off_ + begin, &rows_(begin, begin), &ld, work,
                  &info);
    if (info != 0) throw std::runtime_error("eigh: LAPACK steqr did not converge, info " + std::to_string(info));
    for (Index i = begin; i < end; ++i) {
      levels_.value[static_cast<std::size_t>(i)] = diagonal_[i];
      levels_.rank[static_cast<std::size_t>(i)] = i - begin;
    }
  }

  Merge<T> node(Index begin, Index end) {
    return {begin, end, false, {{&rows_(begin, begin), rows_.outerStride(), end - begin, (end - begin) / 2, true}}};
  }

  /// Poles of both halves; one stays where it is if its weight is negligible, or, after a turn that takes the weight,
  /// if the next is near.
  void prepare(Merge<T>& m) const {
    const Index size = m.end - m.begin, middle = middle_of(m.begin, m.end, 0), half = middle - m.begin;
    const double coupling = off_[middle - 1], root = std::sqrt(std::abs(coupling)),
                 other = std::copysign(root, coupling);
    const double* value = levels_.value.data() + m.begin;
    const Index* rank = levels_.rank.data() + m.begin;
    const Side<T>& side = m.sides[0];
    struct Pole {
      double value, z;
      Index row;
      Kind kind;
    };
    std::vector<Pole> poles;
    double largest = 0, weight = 0;
    for (Index i = 0, j = half; i + j < size + half;) {
      const Index a = i < half ? rank[i] : 0, b = j < size ? half + rank[j] : 0;
      const bool is_left = j == size || (i < half && value[a] <= value[b]);
      const Index row = is_left ? a : b;
      const double z = is_left ? root * static_cast<double>(side.row(row)[half - 1])
                               : other * static_cast<double>(side.row(row)[half]);
      poles.push_back({value[row], z, row, is_left ? Kind::left : Kind::right});
      largest = std::max(largest, std::abs(value[row]));
      weight += z * z;
      (is_left ? i : j) += 1;
    }
    const double eps = std::numeric_limits<T>::epsilon();
    const double tolerance = std::max(2 * eps * std::max(largest, weight), negligible), length = std::sqrt(weight);
    Pole* before = nullptr;
    for (Pole& pole : poles) {
      if (length * std::abs(pole.z) <= tolerance) {
        m.set_aside(pole.value, pole.row);
        continue;
      }
      if (before) {
        const double both = std::hypot(pole.z, before->z), c = pole.z / both, s = -before->z / both;
        if (std::abs((pole.value - before->value) * c * s) > tolerance) {
          m.keep(before->value, before->z, before->row, before->kind);
        } else {
          // As p + ..., not p s^2 + p1 c^2: rounding must never bring it below p, however many turns follow.
          const double p = before->value, moved = (pole.value - p) * (c * c);
          before->value = pole.value - moved;
          pole.value = p + moved;
          pole.z = both;
          side.rotate(before->row, pole.row, c, s);
          if (pole.kind != before->kind) pole.kind = Kind::both;
          m.set_aside(before->value, before->row);
        }
      }
      before = &pole;
    }
    if (before) m.keep(before->value, before->z, before->row, before->kind);
  }

 private:
  Index n_;
  T *diagonal_, *off_;
  Mat<T>& rows_;
  Levels levels_;
};

}  // namespace

template <class T>
void vectors_of_tridiagonal(VecOut<T> diagonal, T* off, const std::vector<Index>& which, MatOut<T> vectors,
                            int threads) {
  const Index n = diagonal.size();
  T largest = diagonal.cwiseAbs().maxCoeff();
  for (Index i = 0; i + 1 < n; ++i) largest = std::max(largest, std::abs(off[i]));
  const int shift = largest > 0 ? std::ilogb(largest) : 0;
  for (Index i = 0; i < n; ++i) {
    diagonal[i] = std::ldexp(diagonal[i], -shift);
    if (i + 1 < n) off[i] = std::ldexp(off[i], -shift);
  }
  std::vector<bool> wanted(static_cast<std::size_t>(n));
  for (const Index i : which) wanted[static_cast<std::size_t>(i)] = true;
  Mat<T> rows = Mat<T>::Zero(n, n);
  Tree<T> tree(diagonal, off, rows);
  tree.cut(0, n);
  const std::vector<Index> found = divide_and_conquer<T>(
      n, 0, tree.levels(), [&](Index b, Index e) { tree.leaf(b, e); },
      [&](Index b, Index e) { return tree.node(b, e); }, [&](Merge<T>& m) { tree.prepare(m); }, wanted, threads);
  columns_of<T>(rows, found, which, vectors, threads);
  for (Index i = 0; i < n; ++i)
    diagonal[i] = static_cast<T>(std::ldexp(tree.levels().value[static_cast<std::size_t>(i)], shift));
}

#define DEEPRMT_INSTANTIATE(T) \
  template void vectors_of_tridiagonal<T>(VecOut<T>, T*, const std::vector<Index>&, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
