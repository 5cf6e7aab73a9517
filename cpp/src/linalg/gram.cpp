#include "gram.hpp"

#include <algorithm>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/parallel.hpp"

namespace deeprmt::linalg {
namespace {

constexpr Index depth = 512;  // rows at once: they stay in a core's cache while they are used
constexpr Index tile = 192;   // of the result

/// Rows top, top + 1, ... of a, or of its transpose, into `panel`.
void widen(MatIn<float> a, bool wide, Index top, MatOut<double> panel, int threads) {
  constexpr Index block = 64;
  parallel_ranges(panel.rows(), block, useful_threads(10.0 * static_cast<double>(panel.size()), threads),
                  [&](Index begin, Index end) {
                    const Index rows = end - begin;
                    if (!wide) {
                      panel.middleRows(begin, rows) = a.middleRows(top + begin, rows).cast<double>();
                      return;
                    }
                    for (Index j = 0; j < panel.cols(); j += block) {
                      const Index cols = std::min(block, panel.cols() - j);
                      panel.block(begin, j, rows, cols) =
                          a.block(j, top + begin, cols, rows).transpose().cast<double>();
                    }
                  });
}

}  // namespace

Mat<double> gram(MatIn<float> a, int threads) {
  const bool wide = a.rows() < a.cols();
  const Index m = std::max(a.rows(), a.cols()), n = std::min(a.rows(), a.cols());
  const Index tiles = (n + tile - 1) / tile;
  const double one = 1;
  const int ld = blas::narrow(n);
  Mat<double> out = Mat<double>::Zero(n, n), panel(std::min(depth, m), n);
  for (Index top = 0; top < m; top += depth) {
    const Index rows = std::min(depth, m - top);
    widen(a, wide, top, panel.topRows(rows), threads);
    const double flops = static_cast<double>(rows) * static_cast<double>(n) * static_cast<double>(n);
    parallel_blas_for(tiles * tiles, useful_threads(flops, threads), [&](Index piece) {
      const Index i = piece / tiles * tile, j = piece % tiles * tile;
      if (j > i) return;
      // A row-major matrix is the transpose of a column-major one, and its lower triangle the upper one.
      const int k = blas::narrow(rows), height = blas::narrow(std::min(tile, n - i)),
                width = blas::narrow(std::min(tile, n - j));
      double* c = out.data() + i * n + j;
      if (i == j)
        blas::call<double>(blas::Routine::syrk, "U", "N", &height, &k, &one, panel.data() + i, &ld, &one, c, &ld);
      else
        blas::call<double>(blas::Routine::gemm, "N", "T", &width, &height, &k, &one, panel.data() + j, &ld,
                           panel.data() + i, &ld, &one, c, &ld);
    });
  }
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < i; ++j) out(j, i) = out(i, j);
  return out;
}

}  // namespace deeprmt::linalg
