// Singular values and vectors of dense matrices.
#pragma once

#include <vector>

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// out[c] = singular values of matrix c of a stack, descending.
/// @param stack    count row-major (m, n) matrices, one after the other; finite
/// @param out      (count, min(m, n)), overwritten
/// @param threads  >= 1, never changes the result: many matrices are spread over threads, one large matrix uses all
/// Backward stable: errors are below a modest multiple of eps times the largest singular value. Any scale is fine.
/// Memory: one copy of a matrix a thread, min(m, n)^2 if it is tall or wide, and 320 (m + n) for blocks of reflectors.
template <class T>
void svdvals(const T* stack, Index count, Index m, Index n, MatOut<T> out, int threads);

/// The same for one matrix, which is destroyed: 320 (m + n) for blocks of reflectors, and a copy if m < n.
/// @param s  (min(m, n)), overwritten
template <class T>
void svdvals_in_place(MatOut<T> a, VecOut<T> s, int threads);

/// Singular values, descending and in double precision, of a single-precision matrix: from the eigenvalues of its Gram
/// matrix where that is faster and all of them are above 1e-9 of the largest, else from the matrix itself. Errors of
/// the former are s_max^2 / s times a few eps of double precision: below a tenth of what the rounding of the entries to
/// single precision does to a square noise matrix of order 400, and far less for larger s. The latter are
/// svdvals<double>.
/// @param s  (min(m, n)), overwritten
/// @param threads  >= 1, never changes the result
/// Memory: two or three times min(m, n)^2, or 16 bytes an entry and what svdvals takes.
void svdvals_in_double(MatIn<float> a, VecOut<double> s, int threads);

/// Singular triplets number which[0], which[1], ... of a (m, n), number 0 being the largest: a vt_i^T = s_i u_i.
/// Two stages as for the values, divide and conquer for the vectors of the bidiagonal matrix, and the reflectors of
/// both stages on the chosen vectors alone. M. Gu & S. C. Eisenstat, SIMAX 16, 79 (1995).
/// @param which    c numbers in [0, min(m, n))
/// @param u        (m, c), s (c), vt (c, n), overwritten
/// @param threads  >= 1, never changes the result
/// Memory: up to 9 min(m, n)^2 + 2 m n, and 192 max(m, n) if it is tall or wide.
template <class T>
void svd(MatIn<T> a, const std::vector<Index>& which, MatOut<T> u, VecOut<T> s, MatOut<T> vt, int threads);

/// The same for each of `count` row-major (m, n) matrices, one after the other, as are u, s and vt. Many matrices are
/// spread over threads, one large matrix uses all.
template <class T>
void svd(const T* stack, Index count, Index m, Index n, const std::vector<Index>& which, T* u, T* s, T* vt,
         int threads);

}  // namespace deeprmt::linalg
