#include "thin.hpp"

#include <algorithm>

#include "band.hpp"
#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/product.hpp"
#include "pack.hpp"

namespace deeprmt::linalg {
namespace {

template <class T>
constexpr Index packs = band / pack<T>;

/// Rows of c in one tile: their sums take 24 registers, the row of v that they share and an entry of c the others.
template <class T>
constexpr Index high = 24 / packs<T>;

/// Rows of v at a time: 24 KiB, which stay in the nearest cache.
template <class T>
constexpr Index depth = 24 * 1024 / (band * static_cast<Index>(sizeof(T)));

/// y (high, band) += c (high, steps) v (steps, band), or = if `fresh`.
template <class T>
DEEPRMT_LEAF void tile(const T* c, Index ld_c, const T* v, Index ld_v, Index steps, bool fresh, T* y, Index ld_y) {
  constexpr Index rows = high<T>, width = packs<T>;
  LoosePack<T> sums[rows][width] = {};
  if (!fresh)
    for (Index i = 0; i < rows; ++i)
      for (Index k = 0; k < width; ++k) sums[i][k] = loose(y + i * ld_y + k * pack<T>);
  for (Index s = 0; s < steps; ++s) {
    LoosePack<T> x[width];
    for (Index k = 0; k < width; ++k) x[k] = loose(v + s * ld_v + k * pack<T>);
    for (Index i = 0; i < rows; ++i)
      for (Index k = 0; k < width; ++k) sums[i][k] += c[i * ld_c + s] * x[k];
  }
  for (Index i = 0; i < rows; ++i)
    for (Index k = 0; k < width; ++k) loose(y + i * ld_y + k * pack<T>) = sums[i][k];
}

template <class T>
DEEPRMT_LEAF void thin_loop(const T* c, Index ld_c, Index rows, Index n, const T* v, Index ld_v, bool add, T* y,
                            Index ld_y) {
  for (Index l = 0; l < n; l += depth<T>) {
    const Index steps = std::min(depth<T>, n - l), next = std::min(depth<T>, n - l - steps);
    for (Index i = 0; i < rows; i += high<T>) {
      const T* mine = c + i * ld_c + l;
      // Too many short pieces for the machine to see what comes next.
      for (Index r = 0; r < high<T>; ++r)
        for (Index k = 0; k < next; k += pack<T>) __builtin_prefetch(mine + r * ld_c + steps + k, 0, 2);
      tile<T>(mine, ld_c, v + l * ld_v, ld_v, steps, l == 0 && !add, y + i * ld_y, ld_y);
    }
  }
}

}  // namespace

template <class T>
void multiply_thin(MatIn<T> c, MatIn<T> v, bool add, MatOut<T> y, int threads) {
  constexpr Index strip = 64;
  const Index m = c.rows(), n = c.cols(), whole = m / high<T> * high<T>;
  const T beta = add ? 1 : 0;
  // The tile wants 32 wide registers; with half of them BLAS is faster.
  if (v.cols() != band || n < band || whole == 0 || instruction_set() != InstructionSet::v4)
    return multiply<T>('N', 'N', 1, c, v, beta, y, threads);
  const double flops = 2.0 * static_cast<double>(band) * static_cast<double>(m) * static_cast<double>(n);
  parallel_blas_for((m + strip - 1) / strip, useful_threads(flops, threads), [&](Index i) {
    const Index top = i * strip, rows = std::min(strip, whole - top);
    if (rows > 0)
      clones<thin_loop<T>>(c.data() + top * c.outerStride(), c.outerStride(), rows, n, v.data(), v.outerStride(), add,
                           y.data() + top * y.outerStride(), y.outerStride());
    const Index rest = std::min(m, top + strip) - whole;
    if (rest > 0) multiply<T>('N', 'N', 1, c.bottomRows(rest), v, beta, y.bottomRows(rest), 1);
  });
}

#define DEEPRMT_INSTANTIATE(T) template void multiply_thin<T>(MatIn<T>, MatIn<T>, bool, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
