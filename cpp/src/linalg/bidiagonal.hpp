// Squares of the singular values of a bidiagonal matrix.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// Eigenvalues, ascending, of B^T B for an upper bidiagonal B, or of B B^T for a lower one; entries of modulus about 1.
/// Divide and conquer on that tridiagonal matrix, and what is small beside the largest again from B itself: relative
/// errors stay below 1e-8, and below 1e-14 for values under 2^-20 of the largest.
/// @param diagonal, off  n >= 1 and n - 1 finite numbers
/// @param out            n numbers, overwritten; must not overlap the others
/// O(n^2) time, O(n) memory.
void squares_of_bidiagonal(Index n, const double* diagonal, const double* off, double* out, int threads);

}  // namespace deeprmt::linalg
