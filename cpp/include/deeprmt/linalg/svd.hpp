// Singular values and vectors of dense matrices.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// out[c] = singular values of matrix c of a stack, descending.
/// @param stack    count row-major (m, n) matrices, one after the other; finite
/// @param out      (count, min(m, n)), overwritten
/// @param threads  >= 1, never changes the result: many matrices are spread over threads, one large matrix uses all
/// Backward stable: errors are below a modest multiple of eps times the largest singular value. Any scale is fine.
/// Memory: one copy of a matrix a thread, and O((m + n) 100) scratch.
template <class T>
void svdvals(const T* stack, Index count, Index m, Index n, MatOut<T> out, int threads);

/// Thin decomposition a = u diag(s) vt with k = min(m, n): u (m, k), s descending, vt (k, n).
/// One-stage reduction in panels, divide and conquer (LAPACK's bdsdc, on one thread).
/// @param threads  >= 1, never changes the result
/// Memory: about 7 copies of a.
template <class T>
void svd(MatIn<T> a, MatOut<T> u, VecOut<T> s, MatOut<T> vt, int threads);

}  // namespace deeprmt::linalg
