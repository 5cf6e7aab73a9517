#include "bidiagonal_vectors.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "deeprmt/core/blas.hpp"
#include "merge.hpp"

namespace deeprmt::linalg {
namespace {

constexpr double negligible = 0x1p-70;  // beside a matrix of order 1; squares of it are far from underflow

/// A node [begin, end) is those rows and the columns begin, ..., end: one column more, and one right vector more, which
/// the node takes to 0 and which stands last.
template <class T>
class Tree {
 public:
  Tree(VecOut<T> diagonal, T* beside, Mat<T>& u, Mat<T>& v)
      : diagonal_(diagonal.data()), beside_(beside), u_(u), v_(v), levels_{} {
    levels_.value.resize(static_cast<std::size_t>(diagonal.size()));
    levels_.rank.resize(levels_.value.size());
  }

  Levels& levels() { return levels_; }

  void leaf(Index begin, Index end) {
    constexpr int ld = largest_leaf + 1;
    const int m = blas::narrow(end - begin), n = m + 1, none = 0, one = 1, ldu = blas::narrow(u_.outerStride());
    T right[ld * ld] = {}, work[4 * ld], unused = 0;
    for (int i = 0; i < n; ++i) right[i * ld + i] = 1;
    for (Index i = begin; i < end; ++i) u_(i, i) = 1;
    int info = 0;
    blas::call<T>(blas::Routine::lasdq, "U", &one, &m, &n, &m, &none, diagonal_ + begin, beside_ + begin, right, &ld,
                  &u_(begin, begin), &ldu, &unused, &one, work, &info);
    if (info != 0) throw std::runtime_error("svd: LAPACK lasdq did not converge, info " + std::to_string(info));
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j) v_(begin + i, begin + j) = right[j * ld + i];
    Index* rank = levels_.rank.data() + begin;
    for (Index i = 0; i < m; ++i) {
      levels_.value[static_cast<std::size_t>(begin + i)] = diagonal_[begin + i];
      rank[i] = i;
    }
    // LAPACK's order depends on the version.
    std::sort(rank, rank + m, [&](Index a, Index b) { return diagonal_[begin + a] < diagonal_[begin + b]; });
  }

  Merge<T> node(Index begin, Index end) {
    const Index size = end - begin, split = middle_of(begin, end, 1) - begin + 1;
    return {begin,
            end,
            true,
            {{&v_(begin, begin), v_.outerStride(), size + 1, split, false},
             {&u_(begin, begin), u_.outerStride(), size, split, true}}};
  }

  /// The row taken out becomes z beside the values of both halves. A value stays if its weight is negligible, or, after
  /// a turn that takes the weight, if the next is near.
  void prepare(Merge<T>& m) const {
    const Side<T>&right = m.sides[0], &left = m.sides[1];
    const Index size = m.end - m.begin, half = right.split - 1;
    const double alpha = diagonal_[m.begin + half], beta = beside_[m.begin + half];
    const double* value = levels_.value.data() + m.begin;
    const Index* rank = levels_.rank.data() + m.begin;
    const auto z_of = [&](Index row, bool is_left) {
      return is_left ? alpha * static_cast<double>(right.row(row)[half])
                     : beta * static_cast<double>(right.row(row)[half + 1]);
    };
    double largest = std::max(std::abs(alpha), std::abs(beta));
    for (Index i = 0; i < size; ++i)
      if (i != half) largest = std::max(largest, value[i]);
    const double eps = std::numeric_limits<T>::epsilon(), tolerance = std::max(4 * eps * largest, negligible);

    // Of the two vectors that the halves take to 0, one combination takes part, the other is that of the whole.
    left.row(half)[half] = 1;
    const double here = z_of(half, true), there = z_of(size, false), length = std::hypot(here, there);
    if (length > tolerance) right.rotate(half, size, here / length, there / length);
    m.keep(0, std::max(length, tolerance), half, Kind::first);

    struct Pole {
      double value, z;
      Index row;
      Kind kind;
    };
    Pole before{};
    bool is_any = false;
    const auto keep = [&](const Pole& p) {
      const double d = std::max(p.value, tolerance / 2);
      m.keep(d * d, p.z, p.row, p.kind);
    };
    for (Index i = 0, j = half + 1; i < half || j < size;) {
      const Index a = i < half ? rank[i] : 0, b = j < size ? half + 1 + rank[j] : 0;
      const bool is_left = j == size || (i < half && value[a] <= value[b]);
      const Index row = is_left ? a : b;
      (is_left ? i : j) += 1;
      Pole pole{value[row], z_of(row, is_left), row, is_left ? Kind::left : Kind::right};
      if (std::abs(pole.z) <= tolerance) {
        m.set_aside(pole.value, pole.row);
        continue;
      }
      if (is_any && pole.value - before.value > tolerance) {
        keep(before);
      } else if (is_any) {
        const double both = std::hypot(pole.z, before.z), c = pole.z / both, s = -before.z / both;
        right.rotate(before.row, pole.row, c, s);
        left.rotate(before.row, pole.row, c, s);
        if (pole.kind != before.kind) pole.kind = Kind::both;
        pole.z = both;
        m.set_aside(before.value, before.row);
      }
      before = pole;
      is_any = true;
    }
    if (is_any) keep(before);
  }

 private:
  T *diagonal_, *beside_;
  Mat<T>&u_, &v_;
  Levels levels_;
};

}  // namespace

template <class T>
void vectors_of_bidiagonal(VecOut<T> diagonal, T* beside, const std::vector<Index>& which, MatOut<T> u, MatOut<T> v,
                           int threads) {
  const Index n = diagonal.size();
  beside[n - 1] = 0;  // a column of zeros beside a square matrix
  T largest = diagonal.cwiseAbs().maxCoeff();
  for (Index i = 0; i < n; ++i) largest = std::max(largest, std::abs(beside[i]));
  const int shift = largest > 0 ? std::ilogb(largest) : 0;
  for (Index i = 0; i < n; ++i) {
    diagonal[i] = std::ldexp(diagonal[i], -shift);
    beside[i] = std::ldexp(beside[i], -shift);
  }
  std::vector<bool> wanted(static_cast<std::size_t>(n));
  std::vector<Index> ascending;
  for (const Index i : which) {
    ascending.push_back(n - 1 - i);
    wanted[static_cast<std::size_t>(n - 1 - i)] = true;
  }
  Mat<T> left = Mat<T>::Zero(n, n), right = Mat<T>::Zero(n + 1, n + 1);
  Tree<T> tree(diagonal, beside, left, right);
  const std::vector<Index> found = divide_and_conquer<T>(
      n, 1, tree.levels(), [&](Index b, Index e) { tree.leaf(b, e); },
      [&](Index b, Index e) { return tree.node(b, e); }, [&](Merge<T>& m) { tree.prepare(m); }, wanted, threads);
  columns_of<T>(left, found, ascending, u, threads);
  columns_of<T>(right, found, ascending, v, threads);
  for (Index i = 0; i < n; ++i)
    diagonal[n - 1 - i] = static_cast<T>(std::ldexp(tree.levels().value[static_cast<std::size_t>(i)], shift));
}

#define DEEPRMT_INSTANTIATE(T) \
  template void vectors_of_bidiagonal<T>(VecOut<T>, T*, const std::vector<Index>&, MatOut<T>, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
