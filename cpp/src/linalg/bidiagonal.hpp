// Singular values of a bidiagonal matrix.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// Singular values, ascending, of an upper or lower bidiagonal B with entries of modulus about 1. Divide and conquer on
/// B^T B or B B^T, and those whose squares are below `small` times the largest square again from B itself: they come
/// out to full relative accuracy, the others to 10 eps / sqrt(small) of the largest.
/// @param diagonal, off  n >= 1 and n - 1 finite numbers
/// @param out            n numbers, overwritten; must not overlap the others
/// O(n^2) time, O(n) memory.
void values_of_bidiagonal(Index n, const double* diagonal, const double* off, double small, double* out, int threads);

}  // namespace deeprmt::linalg
