#include "deeprmt/linalg/svd.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "band.hpp"
#include "chase.hpp"
#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/product.hpp"
#include "deeprmt/linalg/qr.hpp"
#include "scale.hpp"
#include "small.hpp"

namespace deeprmt::linalg {
namespace {

constexpr Index band = 48;

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
  if (2 * m > 3 * n && (n >= 8 || m > 4096)) {  // tall: first down to the triangle
    factor<T>(w, false, threads);
    Mat<T> r = w.topRows(n).template triangularView<Eigen::Upper>();
    return values_in_place<T>(r, s, threads);
  }
  Vec<T> superdiagonal(n);
  if (n >= small::singular_below) {
    reduce_to_band<T>(w, band, threads);
    band_to_bidiagonal<T>(w.topRows(n), band, s, superdiagonal, nullptr, nullptr, threads);
  } else {
    small::bidiagonalise(w.data(), m, n, T(1), s.data(), superdiagonal.data());
  }
  bidiagonal_values<T>(s, superdiagonal);
}

}  // namespace

template <class T>
void svdvals(const T* stack, Index count, Index m, Index n, MatOut<T> out, int threads) {
  const Index k = std::min(m, n);
  check::shape("svdvals", "out", out, count, k);
  if (k == 0) return;
  parallel_samples(count, threads, k < small::singular_below, [&](Index c, int inner_threads) {
    const Eigen::Map<const Mat<T>> a(stack + c * m * n, m, n);
    const T scale = scale_to_one<T>("svdvals", a);
    if (scale == 0) return out.row(c).setZero(), void();
    Vec<T> s(k);
    if (small::holds_singular(m, n)) {
      Vec<T> beside(k);
      small::bidiagonalise(a.data(), m, n, scale, s.data(), beside.data());
      bidiagonal_values<T>(s, beside);
    } else {
      Mat<T> w = m >= n ? Mat<T>(a * scale) : Mat<T>(a.transpose() * scale);
      values_in_place<T>(w, s, inner_threads);
    }
    out.row(c) = s.transpose() / scale;
  });
}

namespace {

template <class T>
using Columns = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;  // column-major, as LAPACK wants it

/// w (m, n), m >= n, becomes q B p^T with B upper bidiagonal (d, e): reflectors of q below the diagonal, of p right of
/// the superdiagonal, scale factors in tauq and taup. LAPACK's gebrd in panels, with the updates on all threads.
template <class T>
void bidiagonalise(Columns<T>& w, Vec<T>& d, Vec<T>& e, Vec<T>& tauq, Vec<T>& taup, int threads) {
  constexpr Index size = 32, unblocked_below = 128;
  const Index m = w.rows(), n = w.cols();
  const int lda = blas::narrow(m), nb = size;
  Columns<T> x(m, size), y(n, size);
  Index k = 0;
  for (; n - k > unblocked_below; k += size) {
    check_interrupt();
    const Index rows = m - k, cols = n - k;
    const int lm = blas::narrow(rows), ln = blas::narrow(cols), ldx = lda, ldy = blas::narrow(n);
    blas::call<T>(blas::Routine::labrd, &lm, &ln, &nb, &w(k, k), &lda, d.data() + k, e.data() + k, tauq.data() + k,
                  taup.data() + k, x.data(), &ldx, y.data(), &ldy);
    // The rest loses V Y^T + X U^T, V and U with their leading ones in place; row-major sees all of them transposed.
    using Rows = Eigen::Map<Mat<T>, 0, Eigen::OuterStride<>>;
    const Rows v(&w(k + size, k), size, rows - size, Eigen::OuterStride<>(m));
    const Rows u(&w(k, k + size), cols - size, size, Eigen::OuterStride<>(m));
    const Rows xt(&x(size, 0), size, rows - size, Eigen::OuterStride<>(m));
    const Rows yt(&y(size, 0), size, cols - size, Eigen::OuterStride<>(n));
    Rows rest(&w(k + size, k + size), cols - size, rows - size, Eigen::OuterStride<>(m));
    multiply<T>('T', 'N', -1, yt, v, 1, rest, threads);
    multiply<T>('N', 'N', -1, u, xt, 1, rest, threads);
  }
  const int lm = blas::narrow(m - k), ln = blas::narrow(n - k), lwork = lm;  // enough: it has no blocks
  Vec<T> work(lwork);
  int info = 0;
  blas::call<T>(blas::Routine::gebrd, &lm, &ln, &w(k, k), &lda, d.data() + k, e.data() + k, tauq.data() + k,
                taup.data() + k, work.data(), &lwork, &info);
}

/// Turns the columns of `left` by q and the rows of `right` by p^T, in slabs that go to the threads.
template <class T>
void turn_back(const Columns<T>& w, const Vec<T>& tauq, const Vec<T>& taup, Columns<T>& left, Columns<T>& right,
               int threads) {
  constexpr Index slab = 128;
  const Index m = w.rows(), n = w.cols(), slabs = (n + slab - 1) / slab;
  const int lm = blas::narrow(m), ln = blas::narrow(n), inner = ln - 1;
  parallel_blas_for(2 * slabs, threads, [&](Index i) {
    const Index begin = i / 2 * slab;
    const int count = static_cast<int>(std::min(slab, n - begin)), lwork = 64 * (count + 65);
    Vec<T> work(lwork);
    int info = 0;
    if (i % 2 == 0)
      blas::call<T>(blas::Routine::ormqr, "L", "N", &lm, &count, &ln, w.data(), &lm, tauq.data(),
                    left.data() + begin * m, &lm, work.data(), &lwork, &info);
    else if (n > 1)  // p leaves the first coordinate alone
      blas::call<T>(blas::Routine::ormlq, "R", "N", &count, &inner, &inner, w.data() + m, &lm, taup.data(),
                    right.data() + n + begin, &ln, work.data(), &lwork, &info);
  });
}

}  // namespace

template <class T>
void svd(MatIn<T> a, MatOut<T> u, VecOut<T> s, MatOut<T> vt, int threads) {
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
    svd<T>(Mat<T>(a.transpose()), left, s, right, threads);
    u = right.transpose();
    vt = left.transpose();
    return;
  }
  const blas::Threads single(1);
  if (2 * m > 3 * n && n > 1) {  // tall: decompose the triangle, then turn u by the orthogonal factor
    Mat<T> w = a * scale, small(n, n), work;
    const auto blocks = factor<T>(w, true, threads);
    svd<T>(Mat<T>(w.topRows(n).template triangularView<Eigen::Upper>()), small, s, vt, threads);
    u.setZero();
    u.topRows(n) = small;
    for (auto block = blocks.rbegin(); block != blocks.rend(); ++block)
      apply_left<T>(*block, 'N', u.bottomRows(block->size()), work, threads);
  } else {
    Columns<T> w = a * scale, left = Columns<T>::Zero(m, n), right(n, n);
    Vec<T> d(n), e(n), tauq(n), taup(n), work(3 * n * n + 4 * n);
    bidiagonalise(w, d, e, tauq, taup, threads);
    check_interrupt();
    const int lm = blas::narrow(m), ln = blas::narrow(n);
    std::vector<int> iwork(static_cast<std::size_t>(8 * n));
    int unused_q = 0, info = 0;
    T unused = 0;
    blas::call<T>(blas::Routine::bdsdc, "U", "I", &ln, d.data(), e.data(), left.data(), &lm, right.data(), &ln, &unused,
                  &unused_q, work.data(), iwork.data(), &info);
    if (info != 0) throw std::runtime_error("svd: LAPACK bdsdc did not converge, info " + std::to_string(info));
    check_interrupt();
    turn_back(w, tauq, taup, left, right, threads);
    s = d;
    u = left;
    vt = right;
  }
  s /= scale;
}

#define DEEPRMT_INSTANTIATE(T)                                             \
  template void svdvals<T>(const T*, Index, Index, Index, MatOut<T>, int); \
  template void svd<T>(MatIn<T>, MatOut<T>, VecOut<T>, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
