#include "deeprmt/linalg/qr.hpp"

#include <algorithm>
#include <complex>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/linalg/product.hpp"
#include "panel.hpp"

namespace deeprmt::linalg {

namespace {

/// The complex case, by LAPACK's recursive QR.
template <class T>
void factor_complex_rows(MatOut<T> rows, BlockReflector<T>& block) {
  const Index b = rows.rows();
  // A row-major (b, m) matrix is a column-major (m, b) one: the panel that LAPACK wants, already in place.
  const int lapack_m = blas::narrow(rows.cols()), lapack_b = blas::narrow(b);
  int info = 0;
  Mat<T> t_columns = Mat<T>::Zero(b, b);  // LAPACK's T, column-major
  blas::call<T>(blas::Routine::geqrt3, &lapack_m, &lapack_b, block.vt.data(), &lapack_m, t_columns.data(), &lapack_b,
                &info);
  check::that(info == 0, "factor_rows: LAPACK geqrt3 returned ", info);
  block.t = t_columns.transpose().template triangularView<Eigen::Upper>();
  rows.setZero();
  for (Index j = 0; j < b; ++j) {
    rows.row(j).head(j + 1) = block.vt.row(j).head(j + 1);
    block.vt.row(j).head(j).setZero();
    block.vt.row(j) = block.vt.row(j).conjugate();
    block.vt(j, j) = 1;
  }
}

}  // namespace

template <class T>
BlockReflector<T> factor_rows(MatOut<T> rows) {
  const Index b = rows.rows(), m = rows.cols();
  check::that(b <= m, "factor_rows: more reflectors (", b, ") than entries (", m, ")");
  BlockReflector<T> block{rows, Mat<T>::Zero(b, b)};
  if (b == 0) return block;
  const blas::Threads single(1);
  if constexpr (!Eigen::NumTraits<T>::IsComplex) {
    factor_panel<T>(block.vt, rows, block.t);
    for (Index j = 0; j < b; ++j) rows.row(j).tail(m - j - 1).setZero();
  } else {
    factor_complex_rows<T>(rows, block);
  }
  return block;
}

template <class T>
void apply_left(const BlockReflector<T>& block, char op, MatOut<T> c, Mat<T>& work, int threads) {
  const Index b = block.count(), n = c.cols();
  if (b == 0 || n == 0) return;
  work.resize(2 * b, n);
  auto inner = work.topRows(b), turned = work.bottomRows(b);
  multiply<T>('N', 'N', 1, block.vt, c, 0, inner, threads);
  multiply<T>(op == 'N' ? 'N' : 'C', 'N', 1, block.t, inner, 0, turned, threads);
  multiply<T>('C', 'N', -1, block.vt, turned, 1, c, threads);
}

template <class T>
void apply_right(const BlockReflector<T>& block, char op, MatOut<T> c, Mat<T>& work, int threads) {
  const Index b = block.count(), m = c.rows();
  if (b == 0 || m == 0) return;
  work.resize(2 * m, b);
  auto inner = work.topRows(m), turned = work.bottomRows(m);
  multiply<T>('N', 'C', 1, c, block.vt, 0, inner, threads);
  multiply<T>('N', op == 'N' ? 'N' : 'C', 1, inner, block.t, 0, turned, threads);
  multiply<T>('N', 'N', -1, turned, block.vt, 1, c, threads);
}

template <class T>
std::vector<BlockReflector<T>> factor(MatOut<T> a, bool keep, int threads) {
  constexpr Index size = 64;
  const Index m = a.rows(), n = a.cols();
  std::vector<BlockReflector<T>> blocks;
  Mat<T> panel, work;
  for (Index k = 0; k < n; k += size) {
    check_interrupt();
    const Index b = std::min(size, n - k);
    panel = a.block(k, k, m - k, b).transpose();
    auto block = factor_rows<T>(panel);
    a.block(k, k, b, b) = panel.leftCols(b).transpose();
    apply_left<T>(block, 'T', a.block(k, k + b, m - k, n - k - b), work, threads);
    if (keep) blocks.push_back(std::move(block));
  }
  return blocks;
}

template <class T>
void form_q(const std::vector<BlockReflector<T>>& blocks, MatOut<T> q, int threads) {
  const Index m = q.rows(), k = q.cols();
  q.setZero();
  q.diagonal().setOnes();
  Mat<T> work;
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    check_interrupt();
    const Index top = m - block->size();
    apply_left<T>(*block, 'N', q.block(top, top, m - top, k - top), work, threads);
  }
}

#define DEEPRMT_INSTANTIATE(T)                                                           \
  template struct BlockReflector<T>;                                                     \
  template BlockReflector<T> factor_rows<T>(MatOut<T>);                                  \
  template void apply_left<T>(const BlockReflector<T>&, char, MatOut<T>, Mat<T>&, int);  \
  template void apply_right<T>(const BlockReflector<T>&, char, MatOut<T>, Mat<T>&, int); \
  template std::vector<BlockReflector<T>> factor<T>(MatOut<T>, bool, int);               \
  template void form_q<T>(const std::vector<BlockReflector<T>>&, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)
DEEPRMT_INSTANTIATE(std::complex<float>)
DEEPRMT_INSTANTIATE(std::complex<double>)

}  // namespace deeprmt::linalg
