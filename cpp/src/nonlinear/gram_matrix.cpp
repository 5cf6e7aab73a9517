#include "deeprmt/nonlinear/gram_matrix.hpp"

#include <algorithm>
#include <cmath>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/product.hpp"

namespace deeprmt::nonlinear {
namespace {

constexpr Index tile = 512;       // order of a tile of the Gram matrix
constexpr Index piece = 1 << 16;  // entries that are mapped at a time

/// Rows [first, first + out.rows()) of a matrix of N(0, 1) entries.
template <class T>
void draw(Stream stream, Index first, MatOut<T> out, int threads) {
  const Index cols = out.cols();
  parallel_for(out.rows(), useful_threads(60.0 * static_cast<double>(out.size()), threads), [&](Index i) {
    normals<T>(stream, static_cast<std::uint64_t>(first + i) * static_cast<std::uint64_t>(cols), &out(i, 0), cols);
  });
}

}  // namespace

Index panel_rows(Index order, Index other, Index n_0) {
  constexpr Index entries = Index{1} << 22, least = 256;  // fewer rows at a time would slow the products down
  return std::min(other, std::max(entries / std::max<Index>({order, n_0, 1}), least));
}

template <class T>
void add_gram(MatIn<T> y, T alpha, T beta, MatOut<T> out, int threads) {
  const Index n = y.cols(), blocks = (n + tile - 1) / tile;
  check::shape("add_gram", "out", out, n, n);
  if (n == 0) return;
  const int ld = blas::narrow(y.outerStride()), ldc = blas::narrow(out.outerStride()), depth = blas::narrow(y.rows());
  const double flops = static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(y.rows());
  parallel_blas_for(blocks * (blocks + 1) / 2, useful_threads(flops, threads), [&](Index task) {
    Index i = 0, left = task;  // the task-th pair i <= j
    while (left >= blocks - i) left -= blocks - i++;
    const Index j = i + left;
    const int rows = blas::narrow(std::min(tile, n - i * tile)), cols = blas::narrow(std::min(tile, n - j * tile));
    const T *first = y.data() + i * tile, *second = y.data() + j * tile;
    T* to = out.data() + i * tile * out.outerStride() + j * tile;
    // A row-major y is the transpose of a column-major matrix a: out^T = a a^T, whose lower triangle is our upper one.
    if (i == j)
      blas::call<T>(blas::Routine::syrk, "L", "N", &rows, &depth, &alpha, first, &ld, &beta, to, &ldc);
    else
      blas::call<T>(blas::Routine::gemm, "N", "T", &cols, &rows, &depth, &alpha, second, &ld, first, &ld, &beta, to,
                    &ldc);
  });
}

template <class T>
void mirror(MatOut<T> out, int threads) {
  parallel_ranges(out.rows(), 64, useful_threads(20.0 * static_cast<double>(out.size()), threads),
                  [&](Index begin, Index end) {
                    for (Index j = 0; j < end; j += 64)  // square tiles, so that the columns read stay in the cache
                      for (Index i = begin; i < end; ++i)
                        for (Index k = j; k < std::min(j + 64, i); ++k) out(i, k) = out(k, i);
                  });
}

template <class T>
void gram_matrix(Stream stream, Index n_0, Index n_1, Index m, T scale, Side side, const Entrywise<T>& f, MatOut<T> out,
                 int threads) {
  check::at_least("gram_matrix", "n0", n_0, 1);
  check::at_least("gram_matrix", "n1", n_1, 1);
  check::at_least("gram_matrix", "m", m, 1);
  const bool features = side == Side::features;
  const Index order = features ? n_1 : m, other = features ? m : n_1, block = panel_rows(order, other, n_0);
  check::shape("gram_matrix", "out", out, order, order);
  Stream kept_stream = stream, other_stream = stream;
  kept_stream.part = stream.part + (features ? 0 : 1);
  other_stream.part = stream.part + (features ? 1 : 0);
  Mat<T> kept(order, n_0), drawn, y;
  draw<T>(kept_stream, 0, kept, threads);
  for (Index top = 0; top < other; top += block) {
    check_interrupt();
    const Index rows = std::min(block, other - top);
    if (drawn.rows() != rows) {
      drawn.resize(rows, n_0);
      y.resize(rows, order);
    }
    draw<T>(other_stream, top, drawn, threads);
    linalg::multiply<T>('N', 'T', scale, drawn, kept, 0, y, threads);
    parallel_ranges(y.size(), piece, threads, [&](Index begin, Index end) { f(y.data() + begin, end - begin); });
    add_gram<T>(y, T(1) / static_cast<T>(m), top > 0 ? T(1) : T(0), out, threads);
  }
  mirror<T>(out, threads);
}

#define DEEPRMT_INSTANTIATE(T)                                                                             \
  template void gram_matrix<T>(Stream, Index, Index, Index, T, Side, const Entrywise<T>&, MatOut<T>, int); \
  template void add_gram<T>(MatIn<T>, T, T, MatOut<T>, int);                                               \
  template void mirror<T>(MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::nonlinear
