// Singular values of diag(d) t for d of any range and well-conditioned t, each to high relative accuracy.
#pragma once

#include <vector>

#include "deeprmt/core/types.hpp"
#include "deeprmt/linalg/product_svd.hpp"

namespace deeprmt::linalg {

/// Natural logarithms, descending, of the r singular values of diag(d) t, t (r, n), r <= n, destroyed.
///
/// QR of the transpose, again and again, moves the values towards the diagonal: entry (i, j) of what remains shrinks by
/// s_j / s_i a time. Then blocks that do not feel each other any more are solved alone, by `svdvals` where their range
/// is so small that it is accurate, else by one-sided Jacobi on rows with scales: Demmel & Veselic, SIAM J. Matrix
/// Anal. Appl. 13, 1204 (1992); Drmac & Veselic, ibid. 29, 1322 (2008).
Vec<double> graded_values(std::vector<Scaled> d, Mat<double> t, int threads);

}  // namespace deeprmt::linalg
