// Eigenvalues of the classical beta-ensembles for any real beta > 0, from tridiagonal and bidiagonal models: O(n)
// random numbers, memory for 22 n doubles at most, 27 n for the bidiagonal ones, O(n^2) time. Dumitriu & Edelman,
// J. Math. Phys. 43, 5830 (2002); Edelman & Sutton, Found. Comput. Math. 8, 259 (2008).
#pragma once

#include <vector>

#include "deeprmt/core/random.hpp"
#include "deeprmt/core/types.hpp"

namespace deeprmt::ensembles {

/// out[i] = the logarithm of a Gamma variable of shape[i] > 0, scale 1, and ratio[i] = the variable over its shape.
/// Marsaglia & Tsang, ACM TOMS 26, 363 (2000): attempt t of entry i uses entry i + t 2^40 of the streams of normals
/// (part) and uniforms (part + 1); shapes below 1 take one more uniform, entry i of part + 2. Exact for any shape: no
/// cancellation where it is large, no underflow of the logarithm where it is small.
void gammas(Stream stream, const std::vector<double>& shape, double* logarithm, double* ratio);

/// Density ~ prod |l_i - l_j|^beta exp(-beta n sum l^2 / 4): the semicircle on [-2, 2] as n grows. out (1, n),
/// ascending. n^(-1/2) times the tridiagonal matrix with diagonal N(0, 2 / beta), off-diagonal chi_{beta k} /
/// beta^(1/2).
template <class T>
void hermite_eigenvalues(Stream stream, double beta, MatOut<T> out, int threads);

/// Density ~ prod |l_i - l_j|^beta prod l^(beta (n - p + 1) / 2 - 1) exp(-beta n l / 2): Marchenko-Pastur of aspect p /
/// n as n grows, mean 1. out (1, p), p <= n, ascending. (beta n)^(-1) times B B^T, with B lower bidiagonal, diagonal
/// chi_{beta n}, ..., chi_{beta (n - p + 1)}, below it chi_{beta (p - 1)}, ..., chi_beta.
template <class T>
void laguerre_eigenvalues(Stream stream, double n, double beta, MatOut<T> out, int threads);

/// Density ~ prod |l_i - l_j|^beta prod l^(beta (a + 1) / 2 - 1) (1 - l)^(beta (b + 1) / 2 - 1) on [0, 1]; a, b > -1.
/// out (1, p), ascending.
template <class T>
void jacobi_eigenvalues(Stream stream, double a, double b, double beta, MatOut<T> out, int threads);

}  // namespace deeprmt::ensembles
