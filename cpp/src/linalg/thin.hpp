// Products of a large matrix and a thin one. BLAS would first copy the large matrix into an order of its own, which
// takes as long as half of the product where the other one has the width of the band; here the large one is read once,
// as it is.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// y (m, b) = c (m, n) v, v (n, b), or y + c v if `add`. Like `multiply`, the same for every number of threads; no
/// overlap. Fast for b = band on machines with 512-bit vectors; elsewhere it is `multiply`.
template <class T>
void multiply_thin(MatIn<T> c, MatIn<T> v, bool add, MatOut<T> y, int threads);

}  // namespace deeprmt::linalg
