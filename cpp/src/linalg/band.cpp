#include "band.hpp"

#include <algorithm>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/product.hpp"
#include "deeprmt/linalg/qr.hpp"

namespace deeprmt::linalg {

template <class T>
void reduce_to_band(MatOut<T> a, Index band, std::vector<BlockReflector<T>>* lefts,
                    std::vector<BlockReflector<T>>* rights, int threads) {
  const Index m = a.rows(), n = a.cols();
  check::that(m >= n && band >= 1, "reduce_to_band: wants rows >= columns and a band of at least 1, got (", m, ", ", n,
              ") and ", band);
  Mat<T> panel, inner, low, high, turn;
  for (Index k = 0; k < n; k += band) {
    check_interrupt();
    const Index b = std::min(band, n - k), right = k + b, rest = n - right;
    panel = a.block(k, k, m - k, b).transpose();
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
    auto top = a.block(k, right, w, rest), body = a.block(k + w, right, below, rest);
    inner.resize(b, rest);
    high.resize(b + w, rest);
    multiply<T>('N', 'N', 1, left.vt, a.block(k, right, m - k, rest), 0, inner, threads);
    multiply<T>('T', 'N', 1, left.t, inner, 0, high.topRows(b), threads);
    multiply<T>('T', 'N', -1, left.vt.leftCols(w), high.topRows(b), 1, top, threads);
    auto turned = factor_rows<T>(top);
    if (below > 0) {
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
    if (lefts) lefts->push_back(std::move(left));
    if (rights) rights->push_back(std::move(turned));
  }
}

namespace {

constexpr Index tile = 256;  // of the upper triangle, by which products with it are shared among threads

/// Rows [tile i, tile (i + 1)) of A v for a symmetric A of which only the tiles on and above the diagonal are there.
template <class T>
void symmetric_rows(MatIn<T> a, MatIn<T> v, Index i, MatOut<T> out) {
  const Index n = a.rows(), top = i * tile, rows = std::min(tile, n - top);
  Mat<T> corner = a.block(top, top, rows, rows).template triangularView<Eigen::Upper>();
  corner.template triangularView<Eigen::StrictlyLower>() = corner.transpose();
  auto mine = out.middleRows(top, rows);
  multiply<T>('N', 'N', 1, corner, v.middleRows(top, rows), 0, mine, 1);
  if (top > 0) multiply<T>('T', 'N', 1, a.block(0, top, top, rows), v.topRows(top), 1, mine, 1);
  const Index right = n - top - rows;
  if (right > 0) multiply<T>('N', 'N', 1, a.block(top, top + rows, rows, right), v.bottomRows(right), 1, mine, 1);
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
