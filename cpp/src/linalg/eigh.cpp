#include "deeprmt/linalg/eigh.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "back.hpp"
#include "band.hpp"
#include "chase.hpp"
#include "chosen.hpp"
#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/tridiagonal.hpp"
#include "scale.hpp"
#include "small.hpp"
#include "tridiagonal_vectors.hpp"

namespace deeprmt::linalg {
namespace {

constexpr Index divide_from = 100;  // the order from which divide and conquer is faster than the QL iteration

template <class T>
void refuse_asymmetric(const char* function, MatIn<T> a, T scale) {
  const T allowed = 200 * std::numeric_limits<T>::epsilon();  // the largest entry is in [1, 2)
  for (Index i = 0; i < a.rows(); ++i)
    for (Index j = 0; j < i; ++j)
      check::that(std::abs(a(i, j) * scale - a(j, i) * scale) <= allowed, function,
                  ": a must be symmetric, but entries (", j, ", ", i, ") and (", i, ", ", j, ") are ", a(j, i), " and ",
                  a(i, j));
}

/// Upper triangle of the symmetric part of a, times scale, which takes the largest entry into [1, 2). The rest is 0.
template <class T>
Mat<T> symmetric_part(const char* function, MatIn<T> a, T scale, int threads) {
  constexpr Index tile = 64;
  const T allowed = 200 * std::numeric_limits<T>::epsilon(), half = T(0.5);
  const Index n = a.rows();
  Mat<T> out = Mat<T>::Zero(n, n);
  std::atomic<bool> symmetric{true};
  parallel_ranges(n, tile, useful_threads(10.0 * static_cast<double>(n * n), threads), [&](Index begin, Index end) {
    const Index rows = end - begin;
    Mat<T> below(rows, tile);
    for (Index left = begin; left < n; left += tile) {
      const Index cols = std::min(tile, n - left);
      auto turned = below.leftCols(cols);
      turned = a.block(left, begin, cols, rows).transpose() * scale;
      auto above = out.block(begin, left, rows, cols);
      above = a.block(begin, left, rows, cols) * scale;
      if (((above - turned).array().abs() > allowed).any()) symmetric = false;
      above = above * half + turned * half;
      if (left == begin) above.template triangularView<Eigen::StrictlyLower>().setZero();
    }
  });
  if (!symmetric) refuse_asymmetric<T>(function, a, scale);  // names the first pair
  return out;
}

/// The same for a small matrix, into dense `out`; what is below the diagonal is not touched.
template <class T>
void small_symmetric_part(const char* function, MatIn<T> a, T scale, T* out) {
  const T allowed = 200 * std::numeric_limits<T>::epsilon(), half = T(0.5);
  const Index n = a.rows();
  T most = 0;
  for (Index i = 0; i < n; ++i) {
    out[i * n + i] = a(i, i) * scale;
    for (Index j = i + 1; j < n; ++j) {
      const T above = a(i, j) * scale, below = a(j, i) * scale;
      most = std::max(most, std::abs(above - below));
      out[i * n + j] = above * half + below * half;
    }
  }
  if (most > allowed) refuse_asymmetric<T>(function, a, scale);
}

/// Eigenvalues of the symmetric part of scale * a.
template <class T>
void values_of(MatIn<T> a, T scale, T* values, int threads) {
  const Index n = a.rows();
  Vec<T> off(n);
  if (n < small::symmetric_below) {
    refuse_asymmetric<T>("eigvalsh", a, scale);
    small::tridiagonalise(a.data(), n, scale, values, off.data());
  } else {
    Mat<T> w = symmetric_part<T>("eigvalsh", a, scale, threads);
    reduce_to_symmetric_band<T>(w, band, nullptr, threads);
    band_to_tridiagonal<T>(w, band, Eigen::Map<Vec<T>>(values, n), off, nullptr, threads);
  }
  if (n >= divide_from) return eigvals_tridiagonal<T>(n, values, off.data(), values, threads);
  // sterf works with squares; one that loses digits to underflow moves eigenvalues by up to 1e-3. The entry itself, far
  // below rounding of the largest (which is 1), may go.
  const T least = std::sqrt(std::numeric_limits<T>::min()) / std::numeric_limits<T>::epsilon();
  for (Index i = 0; i + 1 < n; ++i)
    if (std::abs(off[i]) < least) off[i] = 0;
  const int size = blas::narrow(n);
  int info = 0;
  blas::call<T>(blas::Routine::sterf, &size, values, off.data(), &info);
  if (info != 0) throw std::runtime_error("eigvalsh: LAPACK sterf did not converge, info " + std::to_string(info));
}

/// Eigenvalues and, in the rows of dense w (n, n), vectors. Of w only the upper triangle is read.
template <class T>
void small_pairs(T* w, int n, T* values) {
  const int liwork = 3 + 5 * n, lwork = 1 + 6 * n + 2 * n * n;
  const std::unique_ptr<T[]> work(new T[static_cast<std::size_t>(lwork)]);
  const std::unique_ptr<int[]> iwork(new int[static_cast<std::size_t>(liwork)]);
  int info = 0;
  blas::call<T>(blas::Routine::syevd, "V", "L", &n, w, &n, values, work.get(), &lwork, iwork.get(), &liwork, &info);
  if (info != 0) throw std::runtime_error("eigh: LAPACK syevd did not converge, info " + std::to_string(info));
}

/// The pairs `which` of the symmetric part of scale * a; values are all of them.
template <class T>
void small_pairs(MatIn<T> a, T scale, const std::vector<Index>& which, VecOut<T> values, MatOut<T> vectors) {
  const Index n = a.rows();
  if (all_in_order(which, n) && vectors.outerStride() == n) {
    small_symmetric_part<T>("eigh", a, scale, vectors.data());
    small_pairs<T>(vectors.data(), blas::narrow(n), values.data());
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < i; ++j) std::swap(vectors(i, j), vectors(j, i));
    return;
  }
  Mat<T> w(n, n);
  small_symmetric_part<T>("eigh", a, scale, w.data());
  small_pairs<T>(w.data(), blas::narrow(n), values.data());
  vectors = w(which, Eigen::all).transpose();
}

/// Eigenvalues, all of them, and the vectors `which` (n, c). w (n, n), of which only the upper triangle is read, is
/// destroyed.
template <class T>
void pairs_in_place(MatOut<T> w, const std::vector<Index>& which, VecOut<T> values, MatOut<T> vectors, int threads) {
  const Index n = w.rows();
  std::vector<BlockReflector<T>> blocks;
  Chased<T> q;
  Vec<T> off(n);
  reduce_to_symmetric_band<T>(w, band, &blocks, threads);
  band_to_tridiagonal<T>(w, band, values, off, &q, threads);
  vectors_of_tridiagonal<T>(values, off.data(), which, vectors, threads);
  turn_back<T>(q, band, vectors, threads);
  turn_back<T>(blocks, vectors, threads);
}

}  // namespace

template <class T>
void eigvalsh(const T* stack, Index count, Index n, MatOut<T> out, int threads) {
  check::shape("eigvalsh", "out", out, count, n);
  if (n == 0) return;
  const int team = small::team(count, n, n, small::symmetric_below, threads);
  parallel_samples(count, team, n < small::symmetric_below, [&](Index c, int inner_threads) {
    const Eigen::Map<const Mat<T>> a(stack + c * n * n, n, n);
    const T scale = scale_to_one<T>("eigvalsh", a, inner_threads);
    if (scale == 0) return out.row(c).setZero(), void();
    values_of<T>(a, scale, &out(c, 0), inner_threads);
    out.row(c) /= scale;
  });
}

template <class T>
void eigh(MatIn<T> a, const std::vector<Index>& which, VecOut<T> values, MatOut<T> vectors, int threads) {
  const Index n = a.rows(), count = static_cast<Index>(which.size());
  check::that(a.cols() == n, "eigh: a must be square, got (", n, ", ", a.cols(), ")");
  check::shape("eigh", "vectors", vectors, n, count);
  check::that(values.size() == count, "eigh: values must have ", count, " entries, got ", values.size());
  check_which("eigh", which, n);
  if (count == 0) return;
  const T scale = scale_to_one<T>("eigh", a, threads);
  if (scale == 0) {
    values.setZero();
    unit_vectors(which, vectors);
    return;
  }
  const blas::Threads single(1);
  Vec<T> all(n);
  if (n < small::symmetric_vectors_below) {
    small_pairs<T>(a, scale, which, all, vectors);
  } else {
    Mat<T> w = symmetric_part<T>("eigh", a, scale, threads);
    pairs_in_place<T>(w, which, all, vectors, threads);
  }
  values = all(which) / scale;
}

template <class T>
void eigh(const T* stack, Index count, Index n, const std::vector<Index>& which, T* values, T* vectors, int threads) {
  const auto c = static_cast<Index>(which.size());
  const int team = small::team(count, n, n, small::symmetric_vectors_below, threads);
  parallel_samples(count, team, n < small::symmetric_vectors_below, [&](Index i, int inner_threads) {
    eigh<T>(Eigen::Map<const Mat<T>>(stack + i * n * n, n, n), which, Eigen::Map<Vec<T>>(values + i * c, c),
            Eigen::Map<Mat<T>>(vectors + i * n * c, n, c), inner_threads);
  });
}

#define DEEPRMT_INSTANTIATE(T)                                                           \
  template void eigvalsh<T>(const T*, Index, Index, MatOut<T>, int);                     \
  template void eigh<T>(MatIn<T>, const std::vector<Index>&, VecOut<T>, MatOut<T>, int); \
  template void eigh<T>(const T*, Index, Index, const std::vector<Index>&, T*, T*, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
