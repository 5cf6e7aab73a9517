// Gaussian matrices that are never stored: their entries are drawn again whenever they are needed.
#pragma once

#include "deeprmt/core/random.hpp"
#include "deeprmt/core/types.hpp"

namespace deeprmt::ensembles {

/// y = G x, or G^T x if `transpose`, where G (m, n) is `ginibre(stream, sigma)` bit for bit.
///
/// G x: panels of rows over threads. G^T x: strips of columns over threads, each summing over its panels of rows in
/// fixed order. Either way a tile of G is drawn, multiplied as one single-threaded BLAS call and forgotten, so threads
/// never change a bit. Memory: a tile of 64 x 4096 entries for each thread. 2 m n p flops, m n draws.
template <class T>
void gaussian_apply(Stream stream, T sigma, Index m, Index n, bool transpose, MatIn<T> x, MatOut<T> y, int threads);

}  // namespace deeprmt::ensembles
