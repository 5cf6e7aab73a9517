// First stage of the reductions: full -> band, by blocks of reflectors, so that nearly all flops are matrix products
// and none are products of the whole matrix and a vector. Grosser & Lang, Parallel Comput. 25, 969 (1999).
#pragma once

#include <vector>

#include "deeprmt/core/types.hpp"
#include "deeprmt/linalg/qr.hpp"

namespace deeprmt::linalg {

/// The band of the first stage: wide enough for products, narrow enough for a second stage that costs 8 n^2 band flops.
constexpr Index band = 48;

/// Overwrites a (m, n), m >= n, by an orthogonally equivalent upper band matrix: entries (i, j) with 0 <= j - i <= band
/// remain, what is elsewhere must not be read: a = L_0 L_1 ... band (R_0 R_1 ...)^T, each block acting on the last rows
/// or columns; `left` and `right` take the blocks, if they are not null. Needs O((m + n) band) scratch. Cost 4 m n^2 -
/// 4 n^3 / 3 flops.
template <class T>
void reduce_to_band(MatOut<T> a, Index band, std::vector<BlockReflector<T>>* left,
                    std::vector<BlockReflector<T>>* right, int threads);

/// Overwrites the upper triangle of a symmetric (n, n) by that of an orthogonally similar band matrix: entries (i, j)
/// with 0 <= j - i <= band remain, the others must not be read: a = Q_0 Q_1 ... band (Q_0 Q_1 ...)^T, of which `q`
/// takes the blocks, if it is not null. Needs O(n band) scratch. Cost 4 n^3 / 3 flops.
template <class T>
void reduce_to_symmetric_band(MatOut<T> a, Index band, std::vector<BlockReflector<T>>* q, int threads);

}  // namespace deeprmt::linalg
