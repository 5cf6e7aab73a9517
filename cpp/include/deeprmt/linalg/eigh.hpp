// Eigenvalues of dense symmetric matrices.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// out[c] = eigenvalues of symmetric matrix c of a stack, ascending. Two stages, as for singular values: full -> band
/// by blocks of reflectors, band -> tridiagonal by chasing bulges, then the QL iteration. Bischof, Lang & Sun, ACM TOMS
/// 26, 581 (2000).
/// @param stack    count row-major (n, n) matrices; finite; (i, j) and (j, i) may differ by 100 eps of the largest
/// entry
/// @param out      (count, n), overwritten
/// @param threads  >= 1, never changes the result: many matrices are spread over threads, one large matrix uses all
/// Backward stable. Memory: one copy of a matrix a thread, and O(100 n) scratch.
template <class T>
void eigvalsh(const T* stack, Index count, Index n, MatOut<T> out, int threads);

}  // namespace deeprmt::linalg
