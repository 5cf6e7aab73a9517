// Scaling by powers of two, which is exact: matrices of any magnitude without overflow or underflow.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// The power of two that takes the largest entry into [1, 2); 0 for a zero matrix. Names the first entry that is not
/// finite.
template <class T>
T scale_to_one(const char* function, MatIn<T> a, int threads) {
  constexpr Index grain = 128;
  Vec<T> of_piece = Vec<T>::Zero((a.rows() + grain - 1) / grain);
  parallel_ranges(a.rows(), grain, useful_threads(10.0 * static_cast<double>(a.size()), threads),
                  [&](Index begin, Index end) {
                    for (Index i = begin; i < end; ++i) {
                      const T of_row = a.row(i).cwiseAbs().template maxCoeff<Eigen::PropagateNaN>();
                      if (!std::isfinite(of_row)) check::finite(function, "a", a);
                      of_piece[begin / grain] = std::max(of_piece[begin / grain], of_row);  // would drop a NaN
                    }
                  });
  const T largest = of_piece.maxCoeff();
  if (largest == 0) return 0;
  // The largest power of two does for subnormal matrices.
  return std::ldexp(T(1), std::min(-std::ilogb(largest), std::numeric_limits<T>::max_exponent - 1));
}

/// a scale, or its transpose; in tiles, over threads.
template <class T>
Mat<T> scaled(MatIn<T> a, T scale, bool transposed, int threads) {
  constexpr Index tile = 64;
  const Index m = transposed ? a.cols() : a.rows(), n = transposed ? a.rows() : a.cols();
  Mat<T> out(m, n);
  parallel_ranges(m, tile, useful_threads(10.0 * static_cast<double>(m * n), threads), [&](Index begin, Index end) {
    if (!transposed) {
      out.middleRows(begin, end - begin) = a.middleRows(begin, end - begin) * scale;
      return;
    }
    for (Index j = 0; j < n; j += tile) {
      const Index width = std::min(tile, n - j);
      out.block(begin, j, end - begin, width) = a.block(j, begin, width, end - begin).transpose() * scale;
    }
  });
  return out;
}

}  // namespace deeprmt::linalg
