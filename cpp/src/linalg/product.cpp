#include "deeprmt/linalg/product.hpp"

#include <algorithm>
#include <cmath>
#include <complex>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/parallel.hpp"

namespace deeprmt::linalg {
namespace {

/// How a product is cut: by its shape alone, into enough tiles for the threads of one machine, and no more, because
/// each tile packs its operands anew. Rows are cut first: their tiles keep the long side that BLAS likes (a row-major
/// matrix is the transpose of a column-major one). Measured at n = 2000: 4 x 1 tiles run at 0.97 of one whole product,
/// 4 x 4 tiles at 0.82.
struct Grid {
  Index rows, cols;
};
Grid grid(Index m, Index n, Index k) {
  const double size = std::cbrt(static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k));
  const Index tiles = size < 250    ? 1
                      : size < 700  ? 2
                      : size < 2304 ? 4
                      : size < 4096 ? 8
                                    : static_cast<Index>(size * size / (1024.0 * 1024.0));
  const Index least = tiles <= 4 ? 224 : 512;
  const Index rows = std::clamp<Index>(m / std::clamp<Index>(n, 16, least), 1, tiles);
  return {rows, std::clamp<Index>(n / std::clamp<Index>(m, 16, 224), 1, tiles / rows)};
}

}  // namespace

Index row_pieces(Index m, Index n, Index k) { return grid(m, n, k).rows; }

template <class T>
void multiply(char op_a, char op_b, T alpha, MatIn<T> a, MatIn<T> b, T beta, MatOut<T> c, int threads) {
  const bool ta = op_a != 'N', tb = op_b != 'N';
  const Index m = c.rows(), n = c.cols(), k = ta ? a.rows() : a.cols();
  check::that((ta ? a.cols() : a.rows()) == m && (tb ? b.rows() : b.cols()) == n && (tb ? b.cols() : b.rows()) == k,
              "multiply: shapes (", a.rows(), ", ", a.cols(), ") ", op_a, " and (", b.rows(), ", ", b.cols(), ") ",
              op_b, " do not give (", m, ", ", n, ")");
  check::apart("multiply", "a", a, "c", c);
  check::apart("multiply", "b", b, "c", c);
  if (m == 0 || n == 0) return;
  const auto [row_pieces, col_pieces] = grid(m, n, k);
  const int ldb = blas::narrow(b.outerStride()), lda = blas::narrow(a.outerStride()),
            ldc = blas::narrow(c.outerStride()), depth = blas::narrow(k);
  const double flops = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  parallel_blas_for(row_pieces * col_pieces, useful_threads(flops, threads),
                    [&, row_pieces = row_pieces, col_pieces = col_pieces](Index piece) {
                      const Index i = piece / col_pieces, j = piece % col_pieces;
                      const Index top = m * i / row_pieces, left = n * j / col_pieces;
                      const int rows = blas::narrow(m * (i + 1) / row_pieces - top),
                                cols = blas::narrow(n * (j + 1) / col_pieces - left);
                      // A row-major matrix is the transpose of a column-major one: c^T = op(b)^T op(a)^T.
                      const T* a_tile = a.data() + (ta ? top : top * a.outerStride());
                      const T* b_tile = b.data() + (tb ? left * b.outerStride() : left);
                      T* c_tile = c.data() + top * c.outerStride() + left;
                      blas::call<T>(blas::Routine::gemm, &op_b, &op_a, &cols, &rows, &depth, &alpha, b_tile, &ldb,
                                    a_tile, &lda, &beta, c_tile, &ldc);
                    });
}

template <class T>
void multiply_itself(MatIn<T> a, Index begin, Index end, MatOut<T> out, int threads) {
  check::that(0 <= begin && begin <= end && end <= a.rows(), "multiply_itself: rows ", begin, " to ", end,
              " are none of ", a.rows());
  check::shape("multiply_itself", "out", out, end - begin, end);
  check::apart("multiply_itself", "a", a, "out", out);
  if (begin == end) return;
  // Blocks of rows by the shape alone, at least two for two threads: each has a triangle, and what lies left of it.
  const Index height = std::clamp<Index>((end - begin + 7) / 8, 128, 512), blocks = (end - begin + height - 1) / height;
  const int lda = blas::narrow(a.outerStride()), ldc = blas::narrow(out.outerStride()), depth = blas::narrow(a.cols());
  const double flops = static_cast<double>(end - begin) * static_cast<double>(end + begin) * static_cast<double>(depth);
  parallel_blas_for(2 * blocks, useful_threads(flops, threads), [&](Index task) {
    const Index top = begin + (blocks - 1 - task / 2) * height;  // the longest rows first
    const int rows = blas::narrow(std::min(height, end - top)), left = blas::narrow(top);
    const T one = 1, zero = 0, *mine = a.data() + top * a.outerStride();
    T* to = out.data() + (top - begin) * out.outerStride();
    if (task % 2 == 0) {
      for (Index i = 0; i < rows; ++i) std::fill(to + i * ldc + top + rows, to + i * ldc + end, T(0));
      if (top > 0)
        blas::call<T>(blas::Routine::gemm, "T", "N", &left, &rows, &depth, &one, a.data(), &lda, mine, &lda, &zero, to,
                      &ldc);
      return;
    }
    // Column by column as BLAS sees it, our lower triangle is the upper one.
    blas::call<T>(blas::Routine::syrk, "U", "T", &rows, &depth, &one, mine, &lda, &zero, to + top, &ldc);
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < i; ++j) out(top - begin + j, top + i) = out(top - begin + i, top + j);
  });
}

template <class T>
void apply(MatIn<T> a, const T* x, const T* z, T* y, int threads) {
  const int cols = blas::narrow(a.cols()), ld = blas::narrow(std::max<Index>(a.outerStride(), 1)), one = 1;
  const Index grain = std::max<Index>(1, (Index{1} << 18) / std::max<Index>(a.cols(), 1));
  const double flops = 2.0 * static_cast<double>(a.size());
  parallel_blas_for((a.rows() + grain - 1) / grain, useful_threads(10 * flops, threads), [&](Index piece) {
    const Index top = piece * grain;
    const int rows = static_cast<int>(std::min(grain, a.rows() - top));
    const T alpha = 1, beta = z ? 1 : 0;
    if (z) std::copy_n(z + top, rows, y + top);
    blas::call<T>(blas::Routine::gemv, "T", &cols, &rows, &alpha, a.data() + top * a.outerStride(), &ld, x, &one, &beta,
                  y + top, &one);
  });
}

#define DEEPRMT_INSTANTIATE(T)                                                     \
  template void multiply<T>(char, char, T, MatIn<T>, MatIn<T>, T, MatOut<T>, int); \
  template void multiply_itself<T>(MatIn<T>, Index, Index, MatOut<T>, int);        \
  template void apply<T>(MatIn<T>, const T*, const T*, T*, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

// Complex: products alone.
template void multiply<std::complex<float>>(char, char, std::complex<float>, MatIn<std::complex<float>>,
                                            MatIn<std::complex<float>>, std::complex<float>,
                                            MatOut<std::complex<float>>, int);
template void multiply<std::complex<double>>(char, char, std::complex<double>, MatIn<std::complex<double>>,
                                             MatIn<std::complex<double>>, std::complex<double>,
                                             MatOut<std::complex<double>>, int);

}  // namespace deeprmt::linalg
