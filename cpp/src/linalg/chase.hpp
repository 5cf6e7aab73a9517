// Second stage of the reductions: a band matrix loses its band to bulges that are chased down and out of it, inside the
// cache. Many sweeps are on their way at once, each some blocks behind the one before. Lang, Parallel Comput. 25, 969
// (1999); Haidar, Kurzak & Luszczek, SC'13.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// The widest band that can be chased.
inline constexpr Index widest_band = 64;

/// How many reflectors sweep i of a chase has, i < n - 2.
inline Index reflectors_of_sweep(Index n, Index band, Index i) { return (n - 2 - i + band - 1) / band; }

/// The reflectors of a chase. Sweep i has them one after the other in row i of `v`: reflector t begins at column
/// i + 1 + t band, takes as many columns as the band is wide, and has the factor tau(i, t).
template <class T>
struct Chased {
  Mat<T> v, tau;
};

/// Diagonal and superdiagonal of a bidiagonal matrix with the singular values of the n x n upper band matrix in `a`,
/// whose entries must be scaled to at most about 1: a = Q B P^T, of which `q` and `p` keep the factors if they are not
/// null. Cost 8 n^2 band flops; scratch (3 band + 32) n, 2 n^2 for the reflectors.
/// @param threads  >= 1, never changes the result
template <class T>
void band_to_bidiagonal(MatIn<T> a, Index band, VecOut<T> diagonal, VecOut<T> superdiagonal, Chased<T>* q, Chased<T>* p,
                        int threads);

/// Diagonal and off-diagonal (n - 1 of it are set) of a tridiagonal matrix similar to the symmetric band matrix whose
/// upper triangle is in `a`: a = Q T Q^T. Cost 4 n^2 band flops.
template <class T>
void band_to_tridiagonal(MatIn<T> a, Index band, VecOut<T> diagonal, VecOut<T> off, Chased<T>* q, int threads);

}  // namespace deeprmt::linalg
