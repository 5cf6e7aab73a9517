#include "deeprmt/linalg/product.hpp"

#include <algorithm>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/parallel.hpp"

namespace deeprmt::linalg {
namespace {

// Tiles long enough that packing the operands costs little, and enough of them for the threads of one machine.
Index pieces(Index size) { return size < 2048 ? std::clamp<Index>(size / 256, 1, 4) : size / 512; }

}  // namespace

template <class T>
void multiply(char op_a, char op_b, T alpha, MatIn<T> a, MatIn<T> b, T beta, MatOut<T> c, int threads) {
  const bool ta = op_a != 'N', tb = op_b != 'N';
  const Index m = c.rows(), n = c.cols(), k = ta ? a.rows() : a.cols();
  check::that((ta ? a.cols() : a.rows()) == m && (tb ? b.rows() : b.cols()) == n && (tb ? b.cols() : b.rows()) == k,
              "multiply: shapes (", a.rows(), ", ", a.cols(), ") ", op_a, " and (", b.rows(), ", ", b.cols(), ") ",
              op_b, " do not give (", m, ", ", n, ")");
  if (m == 0 || n == 0) return;
  const Index row_pieces = pieces(m), col_pieces = pieces(n);
  const int ldb = blas::narrow(b.outerStride()), lda = blas::narrow(a.outerStride()),
            ldc = blas::narrow(c.outerStride()), depth = blas::narrow(k);
  const double flops = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  parallel_blas_for(row_pieces * col_pieces, useful_threads(flops, threads), [&](Index piece) {
    const Index i = piece / col_pieces, j = piece % col_pieces;
    const Index top = m * i / row_pieces, left = n * j / col_pieces;
    const int rows = blas::narrow(m * (i + 1) / row_pieces - top), cols = blas::narrow(n * (j + 1) / col_pieces - left);
    // A row-major matrix is the transpose of a column-major one: c^T = op(b)^T op(a)^T.
    const T* a_tile = a.data() + (ta ? top : top * a.outerStride());
    const T* b_tile = b.data() + (tb ? left * b.outerStride() : left);
    T* c_tile = c.data() + top * c.outerStride() + left;
    blas::call<T>(blas::Routine::gemm, &op_b, &op_a, &cols, &rows, &depth, &alpha, b_tile, &ldb, a_tile, &lda, &beta,
                  c_tile, &ldc);
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
  template void apply<T>(MatIn<T>, const T*, const T*, T*, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
