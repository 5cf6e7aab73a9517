// Haar measure on the orthogonal group O(n), on the unitary group U(n) (complex scalars) and on Stiefel manifolds:
// matrices, and products with matrices that are never formed.
//
// The QR decomposition of a Gaussian matrix, with the signs (phases) of diag(R) moved into Q, is Haar. Its Householder
// vectors are themselves independent Gaussian directions of length n, n - 1, ... (Stewart, SIAM J. Numer. Anal. 17,
// 403, 1980), so no matrix has to be decomposed: Q = H_1 H_2 ... H_n D, H_j from entries (j n, ...) of the stream, D
// the signs of R.
#pragma once

#include <vector>

#include "deeprmt/core/random.hpp"
#include "deeprmt/core/types.hpp"

namespace deeprmt::ensembles {

/// The first k columns of a Haar orthogonal or unitary n x n matrix; out (n, k), k <= n.
/// 2 k^2 (n - k / 3) flops, O(b (n + k)) scratch for blocks of b reflectors. Both determinants are equally likely.
template <class T>
void haar(Stream stream, MatOut<T> out, int threads);

/// The same law by QR of a Gaussian matrix: twice the flops and one more matrix of memory. The reference for `haar`.
/// Mezzadri, Notices AMS 54, 592 (2007).
template <class T>
void haar_by_qr(Stream stream, MatOut<T> out, int threads);

/// x <- Q x ('N') or Q^* x ('T' or 'C'), where Q is the n x n matrix that haar(stream, ...) draws, up to rounding; x
/// (n, m). The reflectors are drawn anew, block by block: 2 n^2 m flops, O(b (n + m)) scratch.
template <class T>
void haar_apply_left(Stream stream, char op, MatOut<T> x, int threads);

/// x <- x Q ('N') or x Q^* ('T' or 'C'); x (m, n). As haar_apply_left.
template <class T>
void haar_apply_right(Stream stream, char op, MatOut<T> x, int threads);

/// The same products with the reflectors kept: n^2 / 2 + O(b n) numbers, no draws after the first.
template <class T>
class HaarReflectors {
 public:
  HaarReflectors(Stream stream, Index n, int threads);

  Index size() const { return n_; }
  void apply_left(char op, MatOut<T> x, int threads) const;
  void apply_right(char op, MatOut<T> x, int threads) const;

  /// Reflectors top, top + 1, ... as I - V T V^*, and their part of D.
  struct Block {
    Mat<T> vh;     // (b, n - top): V^*, unit upper trapezoidal
    Mat<T> t;      // (b, b), upper triangular
    Vec<T> signs;  // (b)
  };

 private:
  Index n_;
  std::vector<Block> blocks_;
};

}  // namespace deeprmt::ensembles
