#include "back.hpp"

#include <algorithm>

#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/product.hpp"

namespace deeprmt::linalg {
namespace {

constexpr Index group = 32;  // sweeps whose reflectors at one place make a block

/// I - left right, right (g, size) and left (size, g), acts on rows top, top + 1, ...
template <class T>
struct Turn {
  Index top;
  Mat<T> left, right;
};

/// Reflectors t of sweeps begin..end - 1, from row begin + 1 + t band on.
template <class T>
Turn<T> turn_of(const Chased<T>& q, Index band, Index begin, Index end, Index t) {
  const Index n = q.v.cols(), top = begin + 1 + t * band, count = end - begin,
              size = std::min(band + count - 1, n - top);
  Turn<T> turn{top, Mat<T>(size, count), Mat<T>::Zero(count, size)};
  Vec<T> tau = Vec<T>::Zero(count);
  for (Index j = 0; j < std::min(count, size); ++j) {
    const Index length = std::min(band, size - j);
    turn.right.row(j).segment(j, length) = q.v.row(begin + j).segment(top + j, length);
    tau[j] = q.tau(begin + j, t);  // 0 where the sweep has ended
  }
  // I - V T V^T = H_1 ... H_b: column j of T is -tau_j T (V^T v_j) above tau_j on the diagonal.
  Mat<T> gram(count, count), upper = Mat<T>::Zero(count, count);
  multiply<T>('N', 'T', 1, turn.right, turn.right, 0, gram, 1);
  for (Index j = 0; j < count; ++j) {
    for (Index i = 0; i < j; ++i) {
      T sum = 0;
      for (Index k = i; k < j; ++k) sum += upper(i, k) * gram(j, k);
      upper(i, j) = -tau[j] * sum;
    }
    upper(j, j) = tau[j];
  }
  multiply<T>('T', 'N', 1, turn.right, upper, 0, turn.left, 1);
  return turn;
}

}  // namespace

template <class T>
void turn_back(const Chased<T>& q, Index band, MatOut<T> x, int threads) {
  const Index n = x.rows(), cols = x.cols(), sweeps = n - 2;
  if (band <= 1 || sweeps <= 0 || cols == 0) return;
  // The last group of sweeps acts first. Reflector t of a sweep and reflector t' < t of a later one have no row in
  // common: so the blocks of a group are ordered by t, the first to act being t = 0.
  struct Place {
    Index begin, t;
  };
  std::vector<Place> places;
  for (Index begin = (sweeps - 1) / group * group; begin >= 0; begin -= group)
    for (Index t = 0; t < reflectors_of_sweep(n, band, begin); ++t) places.push_back({begin, t});
  std::vector<Turn<T>> turns(places.size());
  const auto count = static_cast<Index>(places.size());
  const double flops = 4.0 * static_cast<double>(n) * static_cast<double>(n);
  parallel_blas_for(count, useful_threads(flops * static_cast<double>(group), threads), [&](Index i) {
    const auto [begin, t] = places[static_cast<std::size_t>(i)];
    turns[static_cast<std::size_t>(i)] = turn_of(q, band, begin, std::min(begin + group, sweeps), t);
  });
  // Slabs of columns go to the threads, long enough for products and short enough for the cache.
  const Index slabs = std::clamp<Index>(cols / 256, 1, std::max<Index>(4, cols / 512));
  parallel_blas_for(slabs, useful_threads(flops * static_cast<double>(cols), threads), [&](Index slab) {
    const Index begin = cols * slab / slabs, width = cols * (slab + 1) / slabs - begin;
    Mat<T> inner(group, width);
    for (const Turn<T>& turn : turns) {
      check_interrupt();
      auto rows = x.block(turn.top, begin, turn.left.rows(), width);
      auto products = inner.topRows(turn.right.rows());
      multiply<T>('N', 'N', 1, turn.right, rows, 0, products, 1);
      multiply<T>('N', 'N', -1, turn.left, products, 1, rows, 1);
    }
  });
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
