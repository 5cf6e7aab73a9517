#include "deeprmt/ensembles/gaussian.hpp"

#include <algorithm>
#include <cmath>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/product.hpp"

namespace deeprmt::ensembles {

template <class T>
void ginibre(Stream stream, T sigma, MatOut<T> out, int threads) {
  normals<T>(stream, out, sigma, threads);
}

namespace {

/// Takes the upper triangle over into the lower one, conjugated.
template <class T>
void mirror(MatOut<T> out, int team) {
  parallel_ranges(out.rows(), 64, team, [&](Index begin, Index end) {
    for (Index j = 0; j < end; j += 64)  // square tiles, so that the columns read stay in the cache
      for (Index i = begin; i < end; ++i)
        for (Index k = j; k < std::min(j + 64, i); ++k) out(i, k) = Eigen::numext::conj(out(k, i));
  });
}

}  // namespace

template <class T>
void goe(Stream stream, MatOut<T> out, int threads) {
  const Index n = out.rows();
  check::shape("goe", "out", out, n, n);
  if (n == 0) return;
  const T off = std::sqrt(T(1) / static_cast<T>(n)), on = std::sqrt(T(2) / static_cast<T>(n));
  // Row i of the upper triangle draws entries i n + i ... i n + n - 1 of the stream.
  const int team = useful_threads(60.0 * static_cast<double>(n * n), threads);
  parallel_for(n, team, [&](Index i) {
    T* row = &out(i, i);
    normals<T>(stream, static_cast<std::uint64_t>(i) * n + i, row, n - i);
    row[0] *= on;
    for (Index j = 1; j < n - i; ++j) row[j] *= off;
  });
  mirror<T>(out, team);
}

template <class T>
void gue(Stream stream, MatOut<std::complex<T>> out, int threads) {
  const Index n = out.rows();
  check::shape("gue", "out", out, n, n);
  if (n == 0) return;
  const T off = std::sqrt(T(0.5) / static_cast<T>(n)), on = std::sqrt(T(1) / static_cast<T>(n));
  const int team = useful_threads(120.0 * static_cast<double>(n * n), threads);
  parallel_for(n, team, [&](Index i) {
    auto* row = reinterpret_cast<T*>(&out(i, i));
    normals<T>(stream, 2 * (static_cast<std::uint64_t>(i) * n + i), row, 2 * (n - i));
    row[0] *= on;
    row[1] = 0;
    for (Index j = 2; j < 2 * (n - i); ++j) row[j] *= off;
  });
  mirror<std::complex<T>>(out, team);
}

Index wishart_block(Index m, Index n) {
  constexpr Index entries = Index{1} << 22, least = 512;  // fewer columns at a time would slow the products down
  return std::min(n, std::max(entries / std::max<Index>(m, 1), least));
}

template <class T>
void wishart(Stream stream, Index n, MatOut<T> out, int threads) {
  check::shape("wishart", "out", out, out.rows(), out.rows());
  check::at_least("wishart", "n", n, 1);
  const Index m = out.rows(), block = wishart_block(m, n);
  if (m == 0) return;
  const T sigma = std::sqrt(T(1) / static_cast<T>(n));
  Mat<T> g;
  for (Index left = 0; left < n; left += block) {
    check_interrupt();
    const Index cols = std::min(block, n - left), pieces = (cols + 65535) / 65536;
    if (g.cols() != cols) g.resize(m, cols);
    parallel_for(m * pieces, useful_threads(60.0 * static_cast<double>(g.size()), threads), [&](Index task) {
      const Index i = task / pieces, begin = task % pieces * 65536, count = std::min<Index>(65536, cols - begin);
      T* entries = &g(i, begin);
      normals<T>(stream, static_cast<std::uint64_t>(i) * n + left + begin, entries, count);
      for (Index j = 0; j < count; ++j) entries[j] *= sigma;
    });
    linalg::multiply<T>('N', 'T', 1, g, g, left > 0 ? 1 : 0, out, threads);
  }
  // BLAS may round (i, j) and (j, i) differently; the matrix is symmetric to the bit.
  mirror<T>(out, useful_threads(20.0 * static_cast<double>(out.size()), threads));
}

#define DEEPRMT_INSTANTIATE(T)                                \
  template void ginibre<T>(Stream, T, MatOut<T>, int);        \
  template void goe<T>(Stream, MatOut<T>, int);               \
  template void gue<T>(Stream, MatOut<std::complex<T>>, int); \
  template void wishart<T>(Stream, Index, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::ensembles
