// Householder reflectors in blocks, and QR by them. Compact WY form: H_1 ... H_b = I - V T V^*.
// Real and complex; * is the adjoint.
// Schreiber & Van Loan, SIAM J. Sci. Stat. Comput. 10, 53 (1989).
#pragma once

#include <vector>

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// V is stored transposed (and conjugated): row j of `vt` holds reflector j, zero before its leading 1, which stands at
/// column j.
template <class T>
struct BlockReflector {
  Mat<T> vt;  // (b, m)
  Mat<T> t;   // (b, b), upper triangular

  Index count() const { return vt.rows(); }
  Index size() const { return vt.cols(); }
};

/// QR of the transpose of `rows` (b, m), b <= m: rows^T = (H_1 ... H_b) R. On return row j of `rows` holds column j of
/// R: b entries, zero beyond position j. b <= 64 if real. Complex matrices go to LAPACK's recursive QR.
template <class T>
BlockReflector<T> factor_rows(MatOut<T> rows);

/// c <- (I - V op(T) V^*) c: H_1 ... H_b for 'N', its inverse for 'T' or 'C'. c has m rows. `work` is scratch, resized
/// at will.
template <class T>
void apply_left(const BlockReflector<T>& block, char op, MatOut<T> c, Mat<T>& work, int threads);

/// c <- c (I - V op(T) V^*). c has m columns.
template <class T>
void apply_right(const BlockReflector<T>& block, char op, MatOut<T> c, Mat<T>& work, int threads);

/// a (m, n), m >= n, is overwritten by R in its upper triangle (the rest must not be read). Returns the blocks of
/// reflectors, block j acting on rows j * 64 and below, if `keep`.
template <class T>
std::vector<BlockReflector<T>> factor(MatOut<T> a, bool keep, int threads);

/// q (m, k) <- B_1 B_2 ... [I_k; 0] for blocks as `factor` returns them: the thin orthogonal factor.
/// Only the part that a block can change is touched: 2 k^2 (m - k / 3) flops.
template <class T>
void form_q(const std::vector<BlockReflector<T>>& blocks, MatOut<T> q, int threads);

}  // namespace deeprmt::linalg
