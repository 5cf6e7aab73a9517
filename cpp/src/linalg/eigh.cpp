#include "deeprmt/linalg/eigh.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "chase.hpp"
#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/product.hpp"
#include "deeprmt/linalg/qr.hpp"
#include "scale.hpp"

namespace deeprmt::linalg {
namespace {

constexpr Index two_stage_from = 160;  // smaller matrices stay in the cache, where one stage is faster
constexpr Index band = 40;

/// Symmetric a becomes an orthogonally similar band matrix: entries (i, j), 0 <= j - i <= band, remain.
template <class T>
void reduce_to_symmetric_band(MatOut<T> a, int threads) {
  const Index n = a.rows();
  Mat<T> work, vw, wv, inner, small;
  for (Index k = 0; k + 1 < n; k += band) {
    check_interrupt();
    const Index b = std::min(band, n - k), right = k + b, rest = n - right;
    if (rest < 2) break;
    const Index w = std::min(b, rest);  // with fewer columns than rows left, the last rows are inside the band already
    const auto block = factor_rows<T>(a.block(k, right, w, rest));
    apply_right<T>(block, 'N', a.block(k + w, right, b - w, rest), work, threads);
    // q^T A q = A - V W^T - W V^T with W = X - V (T^T V^T X) / 2, X = A V T.
    auto trailing = a.block(right, right, rest, rest);
    inner.resize(rest, w);
    multiply<T>('N', 'T', 1, trailing, block.vt, 0, inner, threads);
    wv.resize(rest, 2 * w);
    multiply<T>('N', 'N', 1, inner, block.t, 0, wv.leftCols(w), threads);
    small.resize(w, w);
    multiply<T>('N', 'N', 1, block.vt, wv.leftCols(w), 0, small, threads);
    small = (block.t.transpose() * small).eval();
    multiply<T>('T', 'N', T(-0.5), block.vt, small, 1, wv.leftCols(w), threads);
    wv.rightCols(w) = block.vt.transpose();
    vw.resize(rest, 2 * w);
    vw.leftCols(w) = wv.rightCols(w);
    vw.rightCols(w) = wv.leftCols(w);
    multiply<T>('N', 'T', -1, vw, wv, 1, trailing, threads);
  }
}

/// Diagonal and off-diagonal of a similar tridiagonal matrix; entries scaled to at most about 1.
template <class T>
void band_to_tridiagonal(MatIn<T> a, T* diagonal, T* off) {
  const Index n = a.cols(), b = std::min(band, std::max<Index>(n - 1, 1));
  const Index width = 3 * b - 1, ld = width - 1, low = b - 1;  // as in band_to_bidiagonal
  std::vector<T> store(static_cast<std::size_t>(n * width), T(0));
  const auto at = [&](Index i, Index j) -> T* { return store.data() + i * width + (j - i + low); };
  for (Index i = 0; i < n; ++i)
    for (Index j = i; j <= std::min(i + b, n - 1); ++j) *at(i, j) = a(i, j);

  std::vector<T> v(static_cast<std::size_t>(b)), scratch(static_cast<std::size_t>(b));
  for (Index i = 0; b > 1 && i + 2 < n; ++i) {
    check_interrupt();
    for (Index row = i, first = i + 1; first < n; row = first, first += b) {
      const Index last = std::min(first + b - 1, n - 1), count = last - first + 1;
      if (count <= 1) break;
      const T tau = chase::householder(at(row, first), 1, count, v.data());
      chase::reflect_right(at(row, first), ld, first - row, count, v.data(), tau);
      chase::reflect_both(at(first, first), ld, count, v.data(), tau, scratch.data());
      if (last + 1 < n)
        chase::reflect_left(at(first, last + 1), ld, count, std::min(last + b, n - 1) - last, v.data(), tau,
                            scratch.data());
    }
  }
  for (Index i = 0; i < n; ++i) {
    diagonal[i] = *at(i, i);
    if (i + 1 < n) off[i] = *at(i, i + 1);
  }
}

template <class T>
void refuse_asymmetric(MatIn<T> a, T scale) {
  const T allowed = 200 * std::numeric_limits<T>::epsilon();  // the largest entry is in [1, 2)
  for (Index i = 0; i < a.rows(); ++i)
    for (Index j = 0; j < i; ++j)
      check::that(std::abs(a(i, j) * scale - a(j, i) * scale) <= allowed,
                  "eigvalsh: a must be symmetric, but entries (", j, ", ", i, ") and (", i, ", ", j, ") are ", a(j, i),
                  " and ", a(i, j));
}

/// w (n, n) is destroyed.
template <class T>
void values_in_place(MatOut<T> w, T* values, int threads) {
  const int n = blas::narrow(w.rows()), lwork = 64 * n;
  Vec<T> off(n), tau(n);
  int info = 0;
  if (n >= two_stage_from) {
    reduce_to_symmetric_band<T>(w, threads);
    band_to_tridiagonal<T>(w, values, off.data());
  } else {
    Vec<T> work(lwork);
    blas::call<T>(blas::Routine::sytrd, "L", &n, w.data(), &n, values, off.data(), tau.data(), work.data(), &lwork,
                  &info);
  }
  blas::call<T>(blas::Routine::sterf, &n, values, off.data(), &info);
  if (info != 0) throw std::runtime_error("eigvalsh: LAPACK sterf did not converge, info " + std::to_string(info));
}

}  // namespace

template <class T>
void eigvalsh(const T* stack, Index count, Index n, MatOut<T> out, int threads) {
  check::shape("eigvalsh", "out", out, count, n);
  if (n == 0) return;
  parallel_samples(count, threads, n < two_stage_from, [&](Index c, int inner_threads) {
    const Eigen::Map<const Mat<T>> a(stack + c * n * n, n, n);
    const T scale = scale_to_one<T>("eigvalsh", a);
    if (scale == 0) return out.row(c).setZero(), void();
    refuse_asymmetric<T>(a, scale);
    const T half = T(0.5);
    Mat<T> w = (a * scale) * half + (a.transpose() * scale) * half;
    values_in_place<T>(w, &out(c, 0), inner_threads);
    out.row(c) /= scale;
  });
}

#define DEEPRMT_INSTANTIATE(T) template void eigvalsh<T>(const T*, Index, Index, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
