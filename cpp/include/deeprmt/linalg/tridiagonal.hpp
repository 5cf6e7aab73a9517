// Eigenvalues of symmetric tridiagonal matrices.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// Eigenvalues, ascending, of the symmetric tridiagonal matrix with these diagonals. Divide and conquer: the matrix is
/// two smaller ones and a correction of rank one, whose eigenvalues are roots of a secular equation; of the
/// eigenvectors only the first and last row are ever needed. Cuppen, Numer. Math. 36, 177 (1981); Gu & Eisenstat, SIAM
/// J. Matrix Anal. Appl. 16, 172 (1995).
/// @param diagonal  n >= 1 finite numbers
/// @param off       n - 1 finite numbers
/// @param out       n numbers, overwritten; may be `diagonal`
/// @param threads   >= 1, never changes the result
/// Backward stable: errors are below 10 eps max|lambda| for each unreduced block, in double whatever T is. Any scale.
/// O(n^2) time, less where eigenvectors are localised; O(n) memory, about 25 doubles a row. Answers Ctrl-C.
template <class T>
void eigvals_tridiagonal(Index n, const T* diagonal, const T* off, T* out, int threads);

/// The same for each row of a stack: diagonal (k, n), off (k, n - 1), out (k, n). Many rows are spread over threads,
/// few use all threads one after the other.
template <class T>
void eigvals_tridiagonal(MatIn<T> diagonal, MatIn<T> off, MatOut<T> out, int threads);

}  // namespace deeprmt::linalg
