// Eigenvectors of a symmetric tridiagonal matrix.
#pragma once

#include <vector>

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// All eigenvalues, ascending, in place of `diagonal`, and the vectors `which` of them, by divide and conquer.
/// Residuals and inner products are right to a few n eps of the norm. Memory: up to 3 n^2, half of the third taken only
/// where little is deflated. Cost: at most 4 n^3 / 3 flops, nearly all in products; 2 n^2 c + n^3 / 3 for c vectors. M.
/// Gu & S. C. Eisenstat, SIAM J. Matrix Anal. Appl. 16, 172 (1995).
/// @param diagonal  n >= 1 finite numbers; off has n - 1 and is destroyed
/// @param vectors   (n, c), overwritten
/// @param threads   >= 1, never changes the result
template <class T>
void vectors_of_tridiagonal(VecOut<T> diagonal, T* off, const std::vector<Index>& which, MatOut<T> vectors,
                            int threads);

}  // namespace deeprmt::linalg
