// Singular vectors of a bidiagonal matrix.
#pragma once

#include <vector>

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// All singular values, descending, of an upper bidiagonal matrix, in place of `diagonal`, and the vectors `which` of
/// them, by divide and conquer: a row is taken out, and what is left of the matrix between the vectors of both halves
/// is a row above a diagonal. Residuals and inner products are right to a few n eps of the norm. Memory: 3 to 6 n^2.
/// Cost: at most 8 n^3 / 3 flops, nearly all in products. M. Gu & S. C. Eisenstat, SIAM J. Matrix Anal. Appl. 16, 79
/// (1995).
/// @param diagonal  n >= 1 finite numbers; beside has n, the last of which is overwritten, all are destroyed
/// @param u, v      (n, c), overwritten: left and right vectors
/// @param threads   >= 1, never changes the result
template <class T>
void vectors_of_bidiagonal(VecOut<T> diagonal, T* beside, const std::vector<Index>& which, MatOut<T> u, MatOut<T> v,
                           int threads);

}  // namespace deeprmt::linalg
