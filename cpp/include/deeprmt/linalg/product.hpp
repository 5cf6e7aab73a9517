// Matrix products whose result does not depend on the number of threads.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// c = alpha op(a) op(b) + beta c, op the identity ('N'), the transpose ('T') or the adjoint ('C').
/// c is cut into tiles by its shape alone, and each tile is one single-threaded BLAS call: threaded BLAS rounds
/// differently for every number of threads. c must not overlap a or b. If beta is 0, c may hold anything.
template <class T>
void multiply(char op_a, char op_b, T alpha, MatIn<T> a, MatIn<T> b, T beta, MatOut<T> c, int threads);

/// Into how many pieces of rows `multiply` would cut a product of this shape (m, k) (k, n).
Index row_pieces(Index m, Index n, Index k);

/// Rows [begin, end) of a a^T up to the block of the diagonal: out is (end - begin, end). Half the work of `multiply`,
/// symmetric to the last bit within these blocks, and 0 to the right of them. out must not overlap a.
template <class T>
void multiply_itself(MatIn<T> a, Index begin, Index end, MatOut<T> out, int threads);

/// y = a x + z (or + 0 if z is null), rows over threads. Each entry is one fixed sum.
template <class T>
void apply(MatIn<T> a, const T* x, const T* z, T* y, int threads);

}  // namespace deeprmt::linalg
