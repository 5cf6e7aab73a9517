#include "deeprmt/linalg/qr.hpp"

#include <algorithm>

#include "deeprmt/core/interrupt.hpp"

namespace deeprmt::linalg {

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

#define DEEPRMT_INSTANTIATE(T)                                             \
  template std::vector<BlockReflector<T>> factor<T>(MatOut<T>, bool, int); \
  template void form_q<T>(const std::vector<BlockReflector<T>>&, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
