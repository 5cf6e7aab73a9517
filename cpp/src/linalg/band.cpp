#include "band.hpp"

#include <algorithm>
#include <vector>

#include "chase.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/linalg/product.hpp"
#include "deeprmt/linalg/qr.hpp"

namespace deeprmt::linalg {

template <class T>
void reduce_to_band(MatOut<T> a, Index band, int threads) {
  const Index m = a.rows(), n = a.cols();
  check::that(m >= n && band >= 1, "reduce_to_band: wants rows >= columns and a band of at least 1, got (", m, ", ", n,
              ") and ", band);
  Mat<T> panel, inner, low, high, turn;
  for (Index k = 0; k < n; k += band) {
    check_interrupt();
    const Index b = std::min(band, n - k), right = k + b, rest = n - right;
    panel = a.block(k, k, m - k, b).transpose();
    const auto left = factor_rows<T>(panel);
    a.block(k, k, b, b) = panel.leftCols(b).transpose();
    if (rest == 0) break;
    // Both sides in one update of rank b + w, which is a better product than two of half the rank: the block C right of
    // the panel becomes (I - V T^T V^T) C (I - U S U^T) = C - V Y - Z U^T, Y = T^T V^T C, Z = (C - V Y) U S.
    const Index w = std::min(b, rest);  // with fewer columns than rows left, the last rows are inside the band already
    const Index below = m - k - w;
    auto top = a.block(k, right, w, rest), body = a.block(k + w, right, below, rest);
    inner.resize(b, rest);
    high.resize(b + w, rest);
    multiply<T>('N', 'N', 1, left.vt, a.block(k, right, m - k, rest), 0, inner, threads);
    multiply<T>('T', 'N', 1, left.t, inner, 0, high.topRows(b), threads);
    multiply<T>('T', 'N', -1, left.vt.leftCols(w), high.topRows(b), 1, top, threads);
    const auto turned = factor_rows<T>(top);
    if (below == 0) continue;
    high.bottomRows(w) = turned.vt;
    low.resize(below, b + w);
    low.leftCols(b) = left.vt.rightCols(below).transpose();
    inner.resize(below, w);
    turn.resize(b, w);
    multiply<T>('N', 'T', 1, body, turned.vt, 0, inner, threads);
    multiply<T>('N', 'T', 1, high.topRows(b), turned.vt, 0, turn, threads);
    multiply<T>('N', 'N', -1, low.leftCols(b), turn, 1, inner, threads);
    multiply<T>('N', 'N', 1, inner, turned.t, 0, low.rightCols(w), threads);
    multiply<T>('N', 'N', -1, low, high, 1, body, threads);
  }
}

template <class T>
void band_to_bidiagonal(MatIn<T> a, Index band, VecOut<T> diagonal, VecOut<T> superdiagonal) {
  const Index n = a.cols(), b = std::min(band, std::max<Index>(n - 1, 1));
  // Row i holds columns i - b + 1 .. i + 2b - 1: the band and the bulges. Going down a row at fixed column moves by ld.
  const Index width = 3 * b - 1, ld = width - 1, low = b - 1;
  std::vector<T> store(static_cast<std::size_t>(n * width), T(0));
  const auto at = [&](Index i, Index j) -> T* { return store.data() + i * width + (j - i + low); };
  for (Index i = 0; i < n; ++i)
    for (Index j = i; j <= std::min(i + b, n - 1); ++j) *at(i, j) = a(i, j);

  std::vector<T> v(static_cast<std::size_t>(b)), w(static_cast<std::size_t>(2 * b));
  for (Index i = 0; b > 1 && i + 2 < n; ++i) {
    check_interrupt();
    // Columns first..last take row `row` to one entry beyond its band; the bulge that this makes is chased downwards.
    for (Index row = i, first = i + 1;;) {
      const Index last = std::min(first + b - 1, n - 1), count = last - first + 1;
      if (count <= 1 && row != i) break;
      T tau = chase::householder(at(row, first), 1, count, v.data());
      // The rows that reach into these columns: from the one annihilated down to the diagonal of the last column.
      chase::reflect_right(at(row, first), ld, last - row + 1, count, v.data(), tau);
      tau = chase::householder(at(first, first), ld, count, v.data());
      chase::reflect_left(at(first, first), ld, count, std::min(last + b, n - 1) - first + 1, v.data(), tau, w.data());
      row = first;
      first += b;
      if (first >= n) break;
    }
  }
  for (Index i = 0; i < n; ++i) {
    diagonal[i] = *at(i, i);
    if (i + 1 < n) superdiagonal[i] = *at(i, i + 1);
  }
}

#define DEEPRMT_INSTANTIATE(T)                            \
  template void reduce_to_band<T>(MatOut<T>, Index, int); \
  template void band_to_bidiagonal<T>(MatIn<T>, Index, VecOut<T>, VecOut<T>);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
