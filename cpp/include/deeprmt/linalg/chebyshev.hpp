// Chebyshev polynomials of an operator, applied to many vectors at once.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// One step of t_{k+1} = 2 s(A) t_k - t_{k-1} with s(x) = (x - center) / half, and its inner products, in one pass.
///
/// @param w         (p, n) A t_k
/// @param current   (p, n) t_k
/// @param previous  (p, n) t_{k-1} on entry, t_{k+1} on return; must not overlap the others
/// @param factor    2, or 1 for the first step, t_1 = s(A) t_0, which reads no t_{-1}
/// @param cross, square  (p) <t_{k+1}, t_k> and <t_{k+1}, t_{k+1}>, summed in double in pieces of fixed length
template <class T>
void chebyshev_step(MatIn<T> w, MatIn<T> current, MatOut<T> previous, T center, T half, int factor,
                    VecOut<double> cross, VecOut<double> square, int threads);

}  // namespace deeprmt::linalg
