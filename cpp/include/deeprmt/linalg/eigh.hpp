// Eigenvalues and eigenvectors of dense symmetric matrices.
#pragma once

#include <vector>

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// out[c] = eigenvalues of symmetric matrix c of a stack, ascending. Two stages, as for singular values: full -> band
/// by blocks of reflectors, band -> tridiagonal by chasing bulges, then divide and conquer, or the QL iteration for
/// small ones. Bischof, Lang & Sun, ACM TOMS 26, 581 (2000).
/// @param stack    count row-major (n, n) matrices; finite; (i, j) and (j, i) may differ by 100 eps of the largest
/// entry
/// @param out      (count, n), overwritten
/// @param threads  >= 1, never changes the result: many matrices are spread over threads, one large matrix uses all
/// Backward stable. Memory: one copy of a matrix a thread, and 640 n for blocks of reflectors.
template <class T>
void eigvalsh(const T* stack, Index count, Index n, MatOut<T> out, int threads);

/// Eigenpairs number which[0], which[1], ... of a symmetric a (n, n), number 0 being the smallest: a v_i = values_i
/// v_i. The same two stages, divide and conquer for the vectors of the tridiagonal matrix, and the reflectors of both
/// stages on the chosen vectors alone.
/// @param which    c numbers in [0, n)
/// @param values   (c), vectors (n, c), overwritten
/// @param threads  >= 1, never changes the result
/// Memory: about 6 n^2.
template <class T>
void eigh(MatIn<T> a, const std::vector<Index>& which, VecOut<T> values, MatOut<T> vectors, int threads);

/// The same for each of `count` row-major (n, n) matrices, one after the other, as are values and vectors. Many
/// matrices are spread over threads, one large matrix uses all.
template <class T>
void eigh(const T* stack, Index count, Index n, const std::vector<Index>& which, T* values, T* vectors, int threads);

}  // namespace deeprmt::linalg
