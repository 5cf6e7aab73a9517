// Gaussian ensembles: independent entries, symmetric, Hermitian, and covariance matrices.
#pragma once

#include <complex>

#include "deeprmt/core/random.hpp"
#include "deeprmt/core/types.hpp"

namespace deeprmt::ensembles {

/// Independent N(0, sigma^2) entries. Each depends on the stream and its index alone.
template <class T>
void ginibre(Stream stream, T sigma, MatOut<T> out, int threads);

/// Symmetric (n, n): off-diagonal entries N(0, 1/n), diagonal ones N(0, 2/n); the spectrum fills [-2, 2].
template <class T>
void goe(Stream stream, MatOut<T> out, int threads);

/// Hermitian (n, n): E |h_ij|^2 = 1/n on and off the diagonal, real and imaginary parts alike; spectrum [-2, 2].
template <class T>
void gue(Stream stream, MatOut<std::complex<T>> out, int threads);

/// Columns of G that `wishart` draws at a time.
Index wishart_block(Index m, Index n);

/// G G^T of a Ginibre matrix G (m, n) with entry variance 1/n; out (m, m). Scratch: m wishart_block(m, n) numbers,
/// which is no more than the larger of 2^22 and 512 m.
template <class T>
void wishart(Stream stream, Index n, MatOut<T> out, int threads);

}  // namespace deeprmt::ensembles
