// The two stages that take a matrix to bidiagonal form without slow matrix-vector products over the whole matrix:
// full -> band by blocks of reflectors, band -> bidiagonal by chasing bulges inside the cache.
// Lang, Parallel Comput. 25, 969 (1999); Haidar, Kurzak & Luszczek, SC'13.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// Overwrites a (m, n), m >= n, by an orthogonally equivalent upper band matrix: entries (i, j) with 0 <= j - i <= band
/// remain, what is elsewhere must not be read. Needs O((m + n) band) scratch. Cost 4 m n^2 - 4 n^3 / 3 flops.
template <class T>
void reduce_to_band(MatOut<T> a, Index band, int threads);

/// Diagonal and superdiagonal of a bidiagonal matrix with the singular values of the n x n upper band matrix in `a`.
/// The entries must be scaled to at most about 1. Cost 8 n^2 band flops, 3 n band scratch.
template <class T>
void band_to_bidiagonal(MatIn<T> a, Index band, VecOut<T> diagonal, VecOut<T> superdiagonal);

}  // namespace deeprmt::linalg
