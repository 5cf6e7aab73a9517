// QR by blocks of Householder reflectors.
#pragma once

#include <vector>

#include "deeprmt/core/types.hpp"
#include "deeprmt/linalg/reflector.hpp"

namespace deeprmt::linalg {

/// a (m, n), m >= n, is overwritten by R in its upper triangle (the rest must not be read). Returns the blocks of
/// reflectors, block j acting on rows j * 64 and below, if `keep`.
template <class T>
std::vector<BlockReflector<T>> factor(MatOut<T> a, bool keep, int threads);

/// q (m, k) <- B_1 B_2 ... [I_k; 0] for blocks as `factor` returns them: the thin orthogonal factor.
/// Only the part that a block can change is touched: 2 k^2 (m - k / 3) flops.
template <class T>
void form_q(const std::vector<BlockReflector<T>>& blocks, MatOut<T> q, int threads);

}  // namespace deeprmt::linalg
