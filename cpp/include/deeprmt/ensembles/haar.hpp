// Haar measure on the orthogonal group O(n) and on Stiefel manifolds.
#pragma once

#include "deeprmt/core/random.hpp"
#include "deeprmt/core/types.hpp"

namespace deeprmt::ensembles {

/// The first k columns of a Haar orthogonal n x n matrix; out (n, k), k <= n.
///
/// The QR decomposition of a Gaussian matrix, with the signs of diag(R) moved into Q, is Haar. Its Householder vectors
/// are themselves independent Gaussian directions of length n, n - 1, ... (Stewart, SIAM J. Numer. Anal. 17, 403,
/// 1980), so no matrix has to be decomposed: draw the vectors, accumulate the reflectors in blocks. 2 k^2 (n - k / 3)
/// flops, O(64 (n + k)) scratch. Both determinants are equally likely.
template <class T>
void haar(Stream stream, MatOut<T> out, int threads);

/// The same law by QR of a Gaussian matrix: twice the flops and one more matrix of memory. The reference for `haar`.
/// Mezzadri, Notices AMS 54, 592 (2007).
template <class T>
void haar_by_qr(Stream stream, MatOut<T> out, int threads);

}  // namespace deeprmt::ensembles
