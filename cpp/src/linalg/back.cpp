#include "back.hpp"

#include <algorithm>

#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/product.hpp"

namespace deeprmt::linalg {
namespace {

constexpr Index group = 32;  // sweeps whose reflectors make one block
constexpr Index slab = 128;  // columns that a thread turns at a time

/// Reflectors t of sweeps begin..end - 1, from row begin + 1 + t band on.
template <class T>
BlockReflector<T> block_of(const Chased<T>& q, Index band, Index begin, Index end, Index t) {
  const Index n = q.v.cols(), top = begin + 1 + t * band, size = std::min(band + end - begin - 1, n - top);
  BlockReflector<T> block{Mat<T>::Zero(end - begin, size), {}};
  Vec<T> tau = Vec<T>::Zero(end - begin);
  for (Index i = begin, j = 0; i < end && j < size; ++i, ++j) {
    const Index count = std::min(band, size - j);
    block.vt.row(j).segment(j, count) = q.v.row(i).segment(top + j, count);
    tau[j] = q.tau(i, t);  // 0 where the sweep has ended
  }
  // T of H_1 ... H_b: column j is -tau_j T (V^T v_j) above tau_j on the diagonal.
  Mat<T> gram(end - begin, end - begin);
  multiply<T>('N', 'T', 1, block.vt, block.vt, 0, gram, 1);
  block.t = Mat<T>::Zero(end - begin, end - begin);
  for (Index j = 0; j < end - begin; ++j) {
    for (Index i = 0; i < j; ++i) {
      T sum = 0;
      for (Index k = i; k < j; ++k) sum += block.t(i, k) * gram(j, k);
      block.t(i, j) = -tau[j] * sum;
    }
    block.t(j, j) = tau[j];
  }
  return block;
}

}  // namespace

template <class T>
void turn_back(const Chased<T>& q, Index band, MatOut<T> x, int threads) {
  const Index n = x.rows(), sweeps = n - 2, slabs = (x.cols() + slab - 1) / slab;
  if (band <= 1 || sweeps <= 0) return;
  std::vector<BlockReflector<T>> blocks;
  for (Index begin = (sweeps - 1) / group * group; begin >= 0; begin -= group) {
    check_interrupt();
    const Index end = std::min(begin + group, sweeps), count = (n - 2 - begin + band - 1) / band;
    // Reflector t of a sweep and reflector t' < t of a later one have no row in common: so blocks are ordered by t, the
    // first to act being t = 0.
    blocks.resize(static_cast<std::size_t>(count));
    parallel_blas_for(count, threads,
                      [&](Index t) { blocks[static_cast<std::size_t>(t)] = block_of(q, band, begin, end, t); });
    parallel_blas_for(slabs, threads, [&](Index i) {
      Mat<T> work;
      const Index left = i * slab, cols = std::min(slab, x.cols() - left);
      for (Index t = 0; t < count; ++t) {
        const auto& block = blocks[static_cast<std::size_t>(t)];
        apply_left<T>(block, 'N', x.block(begin + 1 + t * band, left, block.size(), cols), work, 1);
      }
    });
  }
}

template <class T>
void turn_back(const std::vector<BlockReflector<T>>& blocks, MatOut<T> x, int threads) {
  Mat<T> work;
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    check_interrupt();
    apply_left<T>(*block, 'N', x.bottomRows(block->size()), work, threads);
  }
}

#define DEEPRMT_INSTANTIATE(T)                                         \
  template void turn_back<T>(const Chased<T>&, Index, MatOut<T>, int); \
  template void turn_back<T>(const std::vector<BlockReflector<T>>&, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
