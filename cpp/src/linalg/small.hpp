// Matrices that stay in the cache: reduction by single reflectors, each of which costs one or two passes over the rest.
#pragma once

#include <algorithm>

#include "deeprmt/core/parallel.hpp"
#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg::small {

// Below these orders one stage is faster than two, which make use of the cache and of threads but take more flops:
// measured on two threads, with 2 MiB of second-level cache. float64 and float32 cross at about 510 and 550.
constexpr Index singular_below = 480, symmetric_below = 560;
// The same for vectors, where one stage is LAPACK's.
constexpr Index singular_vectors_below = 128, symmetric_vectors_below = 480;

/// Whether this is the fastest route to the singular values of an (m, n) matrix.
bool holds_singular(Index m, Index n);

/// The threads for a stack of `count` matrices (m, n), min(m, n) < below: one for less work than waking another takes.
inline int team(Index count, Index m, Index n, Index below, int threads) {
  const Index k = std::min(m, n);
  const double each = 1e4 + 20.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  return k < below ? useful_threads(static_cast<double>(count) * each, threads) : threads;
}

/// scale * a, or its transpose, is q B p^T with B bidiagonal: its diagonal, and its entries beside that. Both have
/// min(m, n) entries. scale * a has entries of at most about 2. Memory: one copy of a.
void bidiagonalise(const float* a, Index m, Index n, float scale, float* diagonal, float* beside);
void bidiagonalise(const double* a, Index m, Index n, double scale, double* diagonal, double* beside);

/// The symmetric part of scale * a, (n, n), is q T q^T with T tridiagonal.
void tridiagonalise(const float* a, Index n, float scale, float* diagonal, float* beside);
void tridiagonalise(const double* a, Index n, double scale, double* diagonal, double* beside);

}  // namespace deeprmt::linalg::small
