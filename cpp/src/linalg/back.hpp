// From vectors of the reduced matrix back to vectors of the whole one: the reflectors of both stages, in blocks.
#pragma once

#include <vector>

#include "chase.hpp"
#include "deeprmt/core/types.hpp"
#include "deeprmt/linalg/qr.hpp"

namespace deeprmt::linalg {

/// x <- Q x for the reflectors of a chase, x (n, c). Sweeps act in groups, whose reflectors at one place make a block.
/// Bischof, Lang & Sun, ACM TOMS 26, 581 (2000). Cost about 2 n^2 c flops; scratch 0.7 n^2.
/// @param threads  >= 1, never changes the result: columns are shared in panels
template <class T>
void turn_back(const Chased<T>& q, Index band, MatOut<T> x, int threads);

/// x <- B_0 B_1 ... x for blocks that each act on the last rows of x.
template <class T>
void turn_back(const std::vector<BlockReflector<T>>& blocks, MatOut<T> x, int threads);

}  // namespace deeprmt::linalg
