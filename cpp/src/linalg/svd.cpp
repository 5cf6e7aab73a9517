#include "deeprmt/linalg/svd.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "band.hpp"
#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/qr.hpp"
#include "scale.hpp"

namespace deeprmt::linalg {
namespace {

constexpr Index two_stage_from = 160;  // smaller matrices stay in the cache, where one stage is faster
constexpr Index band = 40;

/// Singular values of an upper bidiagonal matrix, descending, into `diagonal`. To high relative accuracy (dqds).
template <class T>
void bidiagonal_values(VecOut<T> diagonal, VecOut<T> superdiagonal) {
  const int n = blas::narrow(diagonal.size()), none = 0, one = 1;
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
  if (2 * m > 3 * n && n >= 8) {  // tall: first down to the triangle
    factor<T>(w, false, threads);
    Mat<T> r = w.topRows(n).template triangularView<Eigen::Upper>();
    return values_in_place<T>(r, s, threads);
  }
  Vec<T> superdiagonal(n);
  if (n >= two_stage_from) {
    reduce_to_band<T>(w, band, threads);
    band_to_bidiagonal<T>(w.topRows(n), band, s, superdiagonal);
  } else {
    Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic> columns = w;
    const int rows = blas::narrow(m), cols = blas::narrow(n), lwork = 64 * (rows + cols);
    std::vector<T> tau(static_cast<std::size_t>(2 * n)), work(static_cast<std::size_t>(lwork));
    int info = 0;
    blas::call<T>(blas::Routine::gebrd, &rows, &cols, columns.data(), &rows, s.data(), superdiagonal.data(), tau.data(),
                  tau.data() + n, work.data(), &lwork, &info);
  }
  bidiagonal_values<T>(s, superdiagonal);
}

}  // namespace

template <class T>
void svdvals(const T* stack, Index count, Index m, Index n, MatOut<T> out, int threads) {
  const Index k = std::min(m, n);
  check::shape("svdvals", "out", out, count, k);
  if (k == 0) return;
  const auto one = [&](Index c, int inner_threads) {
    const Eigen::Map<const Mat<T>> a(stack + c * m * n, m, n);
    const T scale = scale_to_one<T>("svdvals", a);
    if (scale == 0) return out.row(c).setZero(), void();
    Mat<T> w = m >= n ? Mat<T>(a * scale) : Mat<T>(a.transpose() * scale);
    Vec<T> s(k);
    values_in_place<T>(w, s, inner_threads);
    out.row(c) = s.transpose() / scale;
  };
  // Either many matrices at once or many threads on one, never both.
  if (count >= threads || k < two_stage_from) return parallel_blas_for(count, threads, [&](Index c) { one(c, 1); });
  const blas::Threads single(1);
  for (Index c = 0; c < count; ++c) one(c, threads);
}

template <class T>
void svd(MatIn<T> a, MatOut<T> u, VecOut<T> s, MatOut<T> vt) {
  const Index m = a.rows(), n = a.cols(), k = std::min(m, n);
  check::shape("svd", "u", u, m, k);
  check::shape("svd", "vt", vt, k, n);
  if (k == 0) return;
  const T scale = scale_to_one<T>("svd", a);
  if (scale == 0) {
    s.setZero();
    u.setIdentity();
    vt.setIdentity();
    return;
  }
  if (m < n) {  // decompose the transpose
    Mat<T> left(n, k), right(k, m);
    svd<T>(Mat<T>(a.transpose()), left, s, right);
    u = right.transpose();
    vt = left.transpose();
    return;
  }
  const blas::Threads single(1);
  if (2 * m > 3 * n && n > 1) {  // tall: decompose the triangle, then turn u by the orthogonal factor
    Mat<T> w = a;
    const auto blocks = factor<T>(w, true, 1);
    const Mat<T> r = w.topRows(n).template triangularView<Eigen::Upper>();
    Mat<T> small(n, n);
    svd<T>(r, small, s, vt);
    u.setZero();
    u.topRows(n) = small;
    Mat<T> work;
    for (auto block = blocks.rbegin(); block != blocks.rend(); ++block)
      apply_left<T>(*block, 'N', u.bottomRows(block->size()), work, 1);
    return;
  }
  // In LAPACK's column-major eyes: w = q B p^T, (m, n) upper bidiagonal B = x diag(s) y^T, u = q x, vt = y^T p^T.
  using ColMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
  ColMajor w = a * scale;
  const int lm = blas::narrow(m), ln = blas::narrow(n), lwork = 64 * (lm + ln);
  Vec<T> e(n), tauq(n), taup(n), work(std::max<Index>(lwork, 3 * n * n + 4 * n));
  int info = 0;
  blas::call<T>(blas::Routine::gebrd, &lm, &ln, w.data(), &lm, s.data(), e.data(), tauq.data(), taup.data(),
                work.data(), &lwork, &info);
  check_interrupt();
  ColMajor left = ColMajor::Zero(m, n), right(n, n);
  std::vector<int> iwork(static_cast<std::size_t>(8 * n));
  int unused_q = 0;
  T unused = 0;
  blas::call<T>(blas::Routine::bdsdc, "U", "I", &ln, s.data(), e.data(), left.data(), &lm, right.data(), &ln, &unused,
                &unused_q, work.data(), iwork.data(), &info);
  if (info != 0) throw std::runtime_error("svd: LAPACK bdsdc did not converge, info " + std::to_string(info));
  check_interrupt();
  blas::call<T>(blas::Routine::ormqr, "L", "N", &lm, &ln, &ln, w.data(), &lm, tauq.data(), left.data(), &lm,
                work.data(), &lwork, &info);
  if (n > 1) {  // p acts on all but the first coordinate
    const int inner = ln - 1;
    blas::call<T>(blas::Routine::ormlq, "R", "N", &ln, &inner, &inner, w.data() + m, &lm, taup.data(), right.data() + n,
                  &ln, work.data(), &lwork, &info);
  }
  u = left;
  vt = right;
  s /= scale;
}

#define DEEPRMT_INSTANTIATE(T)                                             \
  template void svdvals<T>(const T*, Index, Index, Index, MatOut<T>, int); \
  template void svd<T>(MatIn<T>, MatOut<T>, VecOut<T>, MatOut<T>);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
