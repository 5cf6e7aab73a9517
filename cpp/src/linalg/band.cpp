#include "band.hpp"

#include <algorithm>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/product.hpp"
#include "deeprmt/linalg/qr.hpp"
#include "thin.hpp"

namespace deeprmt::linalg {

namespace {

constexpr Index tile = 256;  // columns, or rows of an upper triangle, by which products are shared among threads

/// to = from^T in small pieces, so that neither side is touched a word at a time far apart.
template <class T>
void transpose(MatIn<T> from, MatOut<T> to) {
  constexpr Index piece = 8;
  const Index m = from.rows(), n = from.cols(), ld = from.outerStride(), ld_to = to.outerStride();
  const T* x = from.data();
  T* y = to.data();
  for (Index i = 0; i < m; i += piece)
    for (Index j = 0; j < n; j += piece)
      if (i + piece <= m && j + piece <= n) {
        for (Index l = 0; l < piece; ++l)
          for (Index k = 0; k < piece; ++k) y[(j + l) * ld_to + i + k] = x[(i + k) * ld + j + l];
      } else {
        for (Index l = j; l < std::min(j + piece, n); ++l)
          for (Index k = i; k < std::min(i + piece, m); ++k) y[l * ld_to + k] = x[k * ld + l];
      }
}

}  // namespace

template <class T>
void reduce_to_band(MatOut<T> a, Index band, std::vector<BlockReflector<T>>* lefts,
                    std::vector<BlockReflector<T>>* rights, int threads) {
  const Index m = a.rows(), n = a.cols();
  check::that(m >= n && band >= 1, "reduce_to_band: wants rows >= columns and a band of at least 1, got (", m, ", ", n,
              ") and ", band);
  Mat<T> panel, inner, low, high, turn, v;
  for (Index k = 0; k < n; k += band) {
    check_interrupt();
    const Index b = std::min(band, n - k), right = k + b, rest = n - right;
    panel.resize(b, m - k);
    transpose<T>(a.block(k, k, m - k, b), panel);
    auto left = factor_rows<T>(panel);
    a.block(k, k, b, b) = panel.leftCols(b).transpose();
    if (rest == 0) {
      if (lefts) lefts->push_back(std::move(left));
      break;
    }
    // Both sides in one update of rank b + w, which is a better product than two of half the rank: the block C right of
    // the panel becomes (I - V T^T V^T) C (I - U S U^T) = C - V Y - Z U^T, Y = T^T V^T C, Z = (C - V Y) U S.
    const Index w = std::min(b, rest);  // with fewer columns than rows left, the last rows are inside the band already
    const Index below = m - k - w;
    const double flops = 2.0 * static_cast<double>(below + w) * static_cast<double>(rest) * static_cast<double>(b);
    auto block = a.block(k, right, m - k, rest), top = a.block(k, right, w, rest),
         body = a.block(k + w, right, below, rest);
    inner.resize(b, rest);
    high.resize(b + w, rest);
    parallel_blas_for((rest + tile - 1) / tile, useful_threads(flops, threads), [&](Index i) {
      const Index first = i * tile, cols = std::min(tile, rest - first);
      auto y = high.block(0, first, b, cols), x = inner.middleCols(first, cols);
      multiply<T>('N', 'N', 1, left.vt, block.middleCols(first, cols), 0, x, 1);
      multiply<T>('T', 'N', 1, left.t, x, 0, y, 1);
      multiply<T>('T', 'N', -1, left.vt.leftCols(w), y, 1, top.middleCols(first, cols), 1);
    });
    auto turned = factor_rows<T>(top);
    if (below > 0) {
      high.bottomRows(w) = turned.vt;
      v.resize(rest, w);
      transpose<T>(turned.vt, v);
      inner.resize(below, w);
      turn.resize(b, w);
      multiply_thin<T>(body, v, false, inner, threads);
      multiply_thin<T>(high.topRows(b), v, false, turn, threads);
      low.resize(below, b + w);
      const Index pieces = row_pieces(below, rest, b + w);
      parallel_blas_for(pieces, useful_threads(2 * flops, threads), [&](Index i) {
        const Index first = below * i / pieces, rows = below * (i + 1) / pieces - first;
        auto mine = low.middleRows(first, rows);
        auto x = inner.middleRows(first, rows);
        transpose<T>(left.vt.middleCols(w + first, rows), mine.leftCols(b));
        multiply<T>('N', 'N', -1, mine.leftCols(b), turn, 1, x, 1);
        multiply<T>('N', 'N', 1, x, turned.t, 0, mine.rightCols(w), 1);
        multiply<T>('N', 'N', -1, mine, high, 1, body.middleRows(first, rows), 1);
      });
    }
    if (lefts) lefts->push_back(std::move(left));
    if (rights) rights->push_back(std::move(turned));
  }
}

namespace {

/// Rows [tile i, tile (i + 1)) of A v for a symmetric A of which only the tiles on and above the diagonal are there.
template <class T>
void symmetric_rows(MatIn<T> a, MatIn<T> v, Index i, MatOut<T> out) {
  const Index n = a.rows(), top = i * tile, rows = std::min(tile, n - top);
  Mat<T> corner = a.block(top, top, rows, rows).template triangularView<Eigen::Upper>();
  corner.template triangularView<Eigen::StrictlyLower>() = corner.transpose();
  auto mine = out.middleRows(top, rows);
  multiply_thin<T>(corner, v.middleRows(top, rows), false, mine, 1);
  if (top > 0) multiply<T>('T', 'N', 1, a.block(0, top, top, rows), v.topRows(top), 1, mine, 1);
  const Index right = n - top - rows;
  if (right > 0) multiply_thin<T>(a.block(top, top + rows, rows, right), v.bottomRows(right), true, mine, 1);
}

}  // namespace

template <class T>
void reduce_to_symmetric_band(MatOut<T> a, Index band, std::vector<BlockReflector<T>>* q, int threads) {
  const Index n = a.rows();
  check::that(n == a.cols() && band >= 1,
              "reduce_to_symmetric_band: wants a square matrix and a band of at least 1, got (", n, ", ", a.cols(),
              ") and ", band);
  Mat<T> v, inner, small, low, high, work;
  for (Index k = 0; k + 1 < n; k += band) {
    check_interrupt();
    const Index b = std::min(band, n - k), right = k + b, rest = n - right;
    if (rest < 2) break;
    const Index w = std::min(b, rest);  // with fewer columns than rows left, the last rows are inside the band already
    auto block = factor_rows<T>(a.block(k, right, w, rest));
    apply_right<T>(block, 'N', a.block(k + w, right, b - w, rest), work, threads);
    // Q^T A Q = A - V Y^T - Y V^T with Y = X - V (S^T V^T X) / 2, X = A V S.
    auto trailing = a.block(right, right, rest, rest);
    const Index tiles = (rest + tile - 1) / tile;
    const double flops = 4.0 * static_cast<double>(rest * rest * w);
    v = block.vt.transpose();
    inner.resize(rest, w);
    parallel_blas_for(tiles, useful_threads(flops, threads),
                      [&](Index i) { symmetric_rows<T>(trailing, v, i, inner); });
    low.resize(rest, 2 * w);
    multiply<T>('N', 'N', 1, inner, block.t, 0, low.rightCols(w), threads);
    small.resize(w, w);
    multiply<T>('N', 'N', 1, block.vt, low.rightCols(w), 0, small, threads);
    small = (block.t.transpose() * small).eval();
    multiply<T>('N', 'N', T(-0.5), v, small, 1, low.rightCols(w), threads);
    low.leftCols(w) = v;
    high.resize(2 * w, rest);
    high.topRows(w) = low.rightCols(w).transpose();
    high.bottomRows(w) = block.vt;
    parallel_blas_for(tiles, useful_threads(flops, threads), [&](Index i) {
      const Index top = i * tile, rows = std::min(tile, rest - top), cols = rest - top;
      multiply<T>('N', 'N', -1, low.middleRows(top, rows), high.rightCols(cols), 1,
                  trailing.block(top, top, rows, cols), 1);
    });
    if (q) q->push_back(std::move(block));
  }
}

#define DEEPRMT_INSTANTIATE(T)                                                                                        \
  template void reduce_to_band<T>(MatOut<T>, Index, std::vector<BlockReflector<T>>*, std::vector<BlockReflector<T>>*, \
                                  int);                                                                               \
  template void reduce_to_symmetric_band<T>(MatOut<T>, Index, std::vector<BlockReflector<T>>*, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
