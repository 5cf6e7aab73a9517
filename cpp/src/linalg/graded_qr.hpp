// QR of a matrix whose columns carry scales of any size.
#pragma once

#include <vector>

#include "deeprmt/core/types.hpp"
#include "deeprmt/linalg/product_svd.hpp"
#include "deeprmt/linalg/qr.hpp"

namespace deeprmt::linalg {

/// b diag(scale) = Q diag(d) t P^T, the columns in the order `order` (P). t (k, r) is upper trapezoidal with unit
/// diagonal, k <= min(m, r) the rank as far as exact zeros tell.
template <class T>
struct GradedQR {
  std::vector<BlockReflector<T>> q;
  std::vector<Scaled> d;
  Mat<T> t;
  std::vector<Index> order;
};

/// b (m, r) is destroyed. Columns are sorted by norm, scale included, and factored in blocks without pivoting. Where
/// that leaves an entry of t beyond 1000, the order is found again by pivoting in every step, which is slower and safe.
template <class T>
GradedQR<T> graded_qr(Mat<T>& b, const std::vector<Scaled>& scale, int threads);

/// The largest absolute entry of each column, read row by row.
template <class T>
Vec<T> largest_of_columns(MatIn<T> a);

}  // namespace deeprmt::linalg
