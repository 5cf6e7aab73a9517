#include "deeprmt/ensembles/gaussian_operator.hpp"

#include <algorithm>
#include <vector>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"

namespace deeprmt::ensembles {
namespace {

constexpr Index tile_rows = 64, tile_cols = 4096;  // a megabyte of floats: about a second-level cache

/// The tile of G at (top, left).
template <class T>
void draw(Stream stream, T sigma, Index n, Index top, Index left, Index rows, Index cols, T* tile) {
  for (Index r = 0; r < rows; ++r) {
    T* row = tile + r * cols;
    normals<T>(stream, static_cast<std::uint64_t>(top + r) * n + left, row, cols);
    if (sigma != T(1))
      for (Index c = 0; c < cols; ++c) row[c] *= sigma;
  }
}

/// y (+)= op(tile) x, all row-major: as column-major matrices, y^T = x^T op(tile)^T.
template <class T>
void multiply_tile(bool transpose, Index rows, Index cols, const T* tile, const T* x, Index ldx, bool add, T* y,
                   Index ldy, Index p) {
  const int out = static_cast<int>(transpose ? cols : rows), depth = static_cast<int>(transpose ? rows : cols),
            width = blas::narrow(p), lda = static_cast<int>(cols), ldb = blas::narrow(ldx), ldc = blas::narrow(ldy);
  const T alpha = 1, beta = add ? 1 : 0;
  blas::call<T>(blas::Routine::gemm, "N", transpose ? "T" : "N", &width, &out, &depth, &alpha, x, &ldb, tile, &lda,
                &beta, y, &ldc);
}

}  // namespace

template <class T>
void gaussian_apply(Stream stream, T sigma, Index m, Index n, bool transpose, MatIn<T> x, MatOut<T> y, int threads) {
  const Index p = x.cols();
  check::shape("gaussian_apply", "x", x, transpose ? m : n, p);
  check::shape("gaussian_apply", "y", y, transpose ? n : m, p);
  if (p == 0 || y.rows() == 0) return;
  if (x.rows() == 0) return y.setZero(), void();
  const double work = (60.0 + 2.0 * static_cast<double>(p)) * static_cast<double>(m) * static_cast<double>(n);
  // Strips narrow enough to keep several threads busy, wide enough that their ragged ends cost little: each row of a
  // strip begins and ends inside a batch of draws.
  const Index strip = std::clamp<Index>((n / 16 + 255) / 256 * 256, 1024, tile_cols);
  const Index grain = transpose ? strip : tile_rows, size = transpose ? n : m;
  parallel_blas_for((size + grain - 1) / grain, useful_threads(work, threads), [&](Index task) {
    const Index begin = task * grain, count = std::min(grain, size - begin);
    std::vector<T> tile(static_cast<std::size_t>(tile_rows * std::min(tile_cols, n)));
    if (transpose) {
      for (Index top = 0; top < m; top += tile_rows) {
        check_interrupt();
        const Index rows = std::min(tile_rows, m - top);
        draw(stream, sigma, n, top, begin, rows, count, tile.data());
        multiply_tile(true, rows, count, tile.data(), x.data() + top * x.outerStride(), x.outerStride(), top > 0,
                      y.data() + begin * y.outerStride(), y.outerStride(), p);
      }
    } else {
      for (Index left = 0; left < n; left += tile_cols) {
        const Index cols = std::min(tile_cols, n - left);
        draw(stream, sigma, n, begin, left, count, cols, tile.data());
        multiply_tile(false, count, cols, tile.data(), x.data() + left * x.outerStride(), x.outerStride(), left > 0,
                      y.data() + begin * y.outerStride(), y.outerStride(), p);
      }
    }
  });
}

#define DEEPRMT_INSTANTIATE(T) template void gaussian_apply<T>(Stream, T, Index, Index, bool, MatIn<T>, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::ensembles
