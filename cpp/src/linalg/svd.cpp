#include "deeprmt/linalg/svd.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "back.hpp"
#include "band.hpp"
#include "bidiagonal.hpp"
#include "bidiagonal_vectors.hpp"
#include "chase.hpp"
#include "chosen.hpp"
#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/eigh.hpp"
#include "deeprmt/linalg/qr.hpp"
#include "gram.hpp"
#include "scale.hpp"
#include "small.hpp"

namespace deeprmt::linalg {
namespace {

constexpr Index divide_from = 500;  // the order from which divide and conquer is faster than dqds

/// Singular values of an upper bidiagonal matrix, descending, into `diagonal`. Small matrices to high relative accuracy
/// (dqds); large ones to that where they are below an eighth of the largest value, and to 80 eps of that elsewhere.
template <class T>
void bidiagonal_values(VecOut<T> diagonal, VecOut<T> superdiagonal, int threads) {
  const int n = blas::narrow(diagonal.size()), none = 0, one = 1;
  if (n >= divide_from) {
    const Vec<double> d = diagonal.template cast<double>(), e = superdiagonal.template cast<double>();
    Vec<double> values(n);
    values_of_bidiagonal(n, d.data(), e.data(), 0x1p-6, values.data(), threads);
    diagonal = values.reverse().template cast<T>();
    return;
  }
  std::vector<T> work(static_cast<std::size_t>(4 * n) + 1);
  T unused = 0;
  int info = 0;
  blas::call<T>(blas::Routine::bdsqr, "U", &n, &none, &none, &none, diagonal.data(), superdiagonal.data(), &unused,
                &one, &unused, &one, &unused, &one, work.data(), &info);
  if (info != 0) throw std::runtime_error("svdvals: LAPACK bdsqr did not converge, info " + std::to_string(info));
}

/// w (m, n) with m >= n, scaled to about 1, is destroyed.
template <class T>
void values_in_place(MatOut<T> w, VecOut<T> s, int threads) {
  const Index m = w.rows(), n = w.cols();
  if (2 * m > 3 * n && (n >= 8 || m > 4096)) {  // tall: first down to the triangle
    factor<T>(w, false, threads);
    Mat<T> r = w.topRows(n).template triangularView<Eigen::Upper>();
    return values_in_place<T>(r, s, threads);
  }
  Vec<T> superdiagonal(n);
  if (n >= small::singular_below) {
    reduce_to_band<T>(w, band, nullptr, nullptr, threads);
    band_to_bidiagonal<T>(w.topRows(n), band, s, superdiagonal, nullptr, nullptr, threads);
  } else {
    const Mat<T> dense = w;  // w may have gaps between its rows
    small::bidiagonalise(dense.data(), m, n, T(1), s.data(), superdiagonal.data());
  }
  bidiagonal_values<T>(s, superdiagonal, threads);
}

/// From this many rows for each column on, a copy of the whole matrix is avoided.
constexpr Index very_tall = 10;

/// R of the QR decomposition of scale * a, or of its transpose if that is the tall one, by chunks of rows.
template <class T>
Mat<T> triangle(MatIn<T> a, T scale, int threads) {
  const bool wide = a.rows() < a.cols();
  const Index m = std::max(a.rows(), a.cols()), n = std::min(a.rows(), a.cols());
  // Short chunks: the roundings of a column's norm add up along it, worst where all entries are alike.
  const Index chunk = std::max((very_tall - 2) * n, Index{1024});
  Mat<T> r = Mat<T>::Zero(n, n), w;
  for (Index top = 0; top < m; top += chunk) {
    const Index rows = std::min(chunk, m - top);
    w.resize(n + rows, n);
    w.topRows(n) = r;
    w.bottomRows(rows) = wide ? scaled<T>(a.middleCols(top, rows), scale, true, threads)
                              : scaled<T>(a.middleRows(top, rows), scale, false, threads);
    factor<T>(w, false, threads);
    r = w.topRows(n).template triangularView<Eigen::Upper>();
  }
  return r;
}

}  // namespace

template <class T>
void svdvals(const T* stack, Index count, Index m, Index n, MatOut<T> out, int threads) {
  const Index k = std::min(m, n);
  check::shape("svdvals", "out", out, count, k);
  if (k == 0) return;
  const int team = small::team(count, m, n, small::singular_below, threads);
  parallel_samples(count, team, k < small::singular_below, [&](Index c, int inner_threads) {
    const Eigen::Map<const Mat<T>> a(stack + c * m * n, m, n);
    const T scale = scale_to_one<T>("svdvals", a, inner_threads);
    if (scale == 0) return out.row(c).setZero(), void();
    Vec<T> s(k);
    if (small::holds_singular(m, n)) {
      Vec<T> beside(k);
      small::bidiagonalise(a.data(), m, n, scale, s.data(), beside.data());
      bidiagonal_values<T>(s, beside, inner_threads);
    } else {
      const bool tall = std::max(m, n) > very_tall * k;
      Mat<T> w = tall ? triangle<T>(a, scale, inner_threads) : scaled<T>(a, scale, m < n, inner_threads);
      values_in_place<T>(w, s, inner_threads);
    }
    out.row(c) = s.transpose() / scale;
  });
}

template <class T>
void svdvals_in_place(MatOut<T> a, VecOut<T> s, int threads) {
  const Index m = a.rows(), n = a.cols(), k = std::min(m, n);
  check::that(s.size() == k, "svdvals: s must have ", k, " entries, got ", s.size());
  if (k == 0) return;
  const T scale = scale_to_one<T>("svdvals", a, threads);
  if (scale == 0) return s.setZero(), void();
  const blas::Threads single(1);
  a *= scale;
  if (m >= n) {
    values_in_place<T>(a, s, threads);
  } else {
    Mat<T> transpose = a.transpose();
    values_in_place<T>(transpose, s, threads);
  }
  s /= scale;
}

void svdvals_in_double(MatIn<float> a, VecOut<double> s, int threads) {
  constexpr double least = 1e-9;
  const Index m = a.rows(), n = a.cols(), k = std::min(m, n);
  check::that(s.size() == k, "svdvals: s must have ", k, " entries, got ", s.size());
  if (k == 0) return;
  Vec<double> ascending(k);
  if (k < small::symmetric_below || 2 * std::max(m, n) > 3 * k) {
    const Mat<double> squares = gram(a, threads);
    if (!squares.diagonal().allFinite()) check::finite("svdvals", "a", a);
    eigvalsh<double>(squares.data(), 1, k, Eigen::Map<Mat<double>>(ascending.data(), 1, k), threads);
    if (ascending[0] > least * ascending[k - 1]) {
      s = ascending.reverse().cwiseSqrt();
      return;
    }
  }
  const Mat<double> wide = a.cast<double>();
  svdvals<double>(wide.data(), 1, m, n, Eigen::Map<Mat<double>>(s.data(), 1, k), threads);
}

namespace {

/// Whether LAPACK is faster.
bool holds_triplets(Index m, Index n) {
  constexpr Index below = small::singular_vectors_below;
  return std::min(m, n) < below && std::max(m, n) < 4 * below;
}

/// All triplets of the dense w (m, n), of any shape, scaled to about 1 and destroyed: dense u (m, k), s, dense vt (k,
/// n).
template <class T>
void all_small_triplets(MatOut<T> w, T* u, T* s, T* vt) {
  // LAPACK sees the transpose: its left vectors in columns are the rows of vt, its right ones in rows the columns of u.
  const int n = blas::narrow(w.cols()), m = blas::narrow(w.rows()), k = std::min(m, n),
            lwork = k * (5 * k + 7) + 2 * std::max(m, n);
  const std::unique_ptr<T[]> work(new T[static_cast<std::size_t>(lwork)]);
  const std::unique_ptr<int[]> iwork(new int[static_cast<std::size_t>(8 * k)]);
  int info = 0;
  blas::call<T>(blas::Routine::gesdd, "S", &n, &m, w.data(), &n, s, vt, &n, u, &k, work.get(), &lwork, iwork.get(),
                &info);
  if (info != 0) throw std::runtime_error("svd: LAPACK gesdd did not converge, info " + std::to_string(info));
}

/// The triplets `which` of the dense w (m, n): u (m, c), s (min(m, n), all of them), vt (c, n).
template <class T>
void small_triplets(MatOut<T> w, const std::vector<Index>& which, MatOut<T> u, VecOut<T> s, MatOut<T> vt) {
  const Index m = w.rows(), n = w.cols(), k = std::min(m, n);
  if (all_in_order(which, k) && u.outerStride() == k && vt.outerStride() == n)
    return all_small_triplets<T>(w, u.data(), s.data(), vt.data());
  Mat<T> left(m, k), right(k, n);
  all_small_triplets<T>(w, left.data(), s.data(), right.data());
  u = left(Eigen::all, which);
  vt = right(which, Eigen::all);
}

/// The same by two stages and divide and conquer.
template <class T>
void two_stage_triplets(MatOut<T> w, const std::vector<Index>& which, MatOut<T> u, VecOut<T> s, MatOut<T> v,
                        int threads) {
  const Index n = w.cols();
  std::vector<BlockReflector<T>> left, right;
  Chased<T> q, p;
  Vec<T> e(n);
  reduce_to_band<T>(w, band, &left, &right, threads);
  band_to_bidiagonal<T>(w.topRows(n), band, s, e, &q, &p, threads);
  u.bottomRows(u.rows() - n).setZero();
  vectors_of_bidiagonal<T>(s, e.data(), which, u.topRows(n), v, threads);
  turn_back<T>(q, band, u.topRows(n), threads);
  turn_back<T>(left, u, threads);
  turn_back<T>(p, band, v, threads);
  turn_back<T>(right, v, threads);
}

/// w (m, n), m >= n, scaled to about 1, is destroyed.
template <class T>
void triplets(MatOut<T> w, const std::vector<Index>& which, MatOut<T> u, VecOut<T> s, MatOut<T> v, int threads) {
  const Index n = w.cols();
  if (holds_triplets(w.rows(), n) && w.outerStride() == n) {
    Mat<T> vt(v.cols(), n);
    small_triplets<T>(w, which, u, s, vt);
    v = vt.transpose();
    return;
  }
  if (2 * w.rows() > 3 * n) {  // tall: decompose the triangle, then turn u by the orthogonal factor
    const auto blocks = factor<T>(w, true, threads);
    Mat<T> r = w.topRows(n).template triangularView<Eigen::Upper>();
    u.setZero();
    triplets<T>(r, which, u.topRows(n), s, v, threads);
    return turn_back<T>(blocks, u, threads);
  }
  two_stage_triplets<T>(w, which, u, s, v, threads);
}

}  // namespace

template <class T>
void svd(MatIn<T> a, const std::vector<Index>& which, MatOut<T> u, VecOut<T> s, MatOut<T> vt, int threads) {
  const Index m = a.rows(), n = a.cols(), k = std::min(m, n), count = static_cast<Index>(which.size());
  check::shape("svd", "u", u, m, count);
  check::shape("svd", "vt", vt, count, n);
  check::that(s.size() == count, "svd: s must have ", count, " entries, got ", s.size());
  check_which("svd", which, k);
  if (count == 0) return;
  const T scale = scale_to_one<T>("svd", a, threads);
  if (scale == 0) {
    s.setZero();
    unit_vectors(which, u);
    unit_vectors(which, vt.transpose());
    return;
  }
  const blas::Threads single(1);
  Vec<T> all(k);
  if (holds_triplets(m, n)) {
    Mat<T> w = a * scale;
    small_triplets<T>(w, which, u, all, vt);
    s = all(which) / scale;
    return;
  }
  Mat<T> w = scaled<T>(a, scale, m < n, threads), v(n, count);
  if (m >= n)
    triplets<T>(w, which, u, all, v, threads);
  else  // those of the transpose, the other way round
    triplets<T>(w, which, v, all, u, threads);
  vt = v.transpose();
  s = all(which) / scale;
}

template <class T>
void svd(const T* stack, Index count, Index m, Index n, const std::vector<Index>& which, T* u, T* s, T* vt,
         int threads) {
  const auto c = static_cast<Index>(which.size());
  const bool is_small = holds_triplets(m, n);
  const int team = is_small ? small::team(count, m, n, small::singular_vectors_below, threads) : threads;
  parallel_samples(count, team, is_small, [&](Index i, int inner_threads) {
    svd<T>(Eigen::Map<const Mat<T>>(stack + i * m * n, m, n), which, Eigen::Map<Mat<T>>(u + i * m * c, m, c),
           Eigen::Map<Vec<T>>(s + i * c, c), Eigen::Map<Mat<T>>(vt + i * c * n, c, n), inner_threads);
  });
}

#define DEEPRMT_INSTANTIATE(T)                                                                     \
  template void svdvals<T>(const T*, Index, Index, Index, MatOut<T>, int);                         \
  template void svdvals_in_place<T>(MatOut<T>, VecOut<T>, int);                                    \
  template void svd<T>(MatIn<T>, const std::vector<Index>&, MatOut<T>, VecOut<T>, MatOut<T>, int); \
  template void svd<T>(const T*, Index, Index, Index, const std::vector<Index>&, T*, T*, T*, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
