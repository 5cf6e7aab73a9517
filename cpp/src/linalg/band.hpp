// First stage of the reductions: full -> band, by blocks of reflectors, so that nearly all flops are matrix products
// and none are products of the whole matrix and a vector. Grosser & Lang, Parallel Comput. 25, 969 (1999).
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// Overwrites a (m, n), m >= n, by an orthogonally equivalent upper band matrix: entries (i, j) with 0 <= j - i <= band
/// remain, what is elsewhere must not be read. Needs O((m + n) band) scratch. Cost 4 m n^2 - 4 n^3 / 3 flops.
template <class T>
void reduce_to_band(MatOut<T> a, Index band, int threads);

/// Overwrites the upper triangle of a symmetric (n, n) by that of an orthogonally similar band matrix: entries (i, j)
/// with 0 <= j - i <= band remain, the others must not be read. Needs O(n band) scratch. Cost 4 n^3 / 3 flops.
template <class T>
void reduce_to_symmetric_band(MatOut<T> a, Index band, int threads);

}  // namespace deeprmt::linalg
