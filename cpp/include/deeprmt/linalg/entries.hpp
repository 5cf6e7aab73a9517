// What the entries of a matrix tell without any decomposition.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// The largest magnitude of n entries; NaN if one is.
template <class T>
T largest_magnitude(const T* entries, Index n);

/// Sums over the entries of a, each over `scale`: of the squares in each row and in each column, and of all fourth
/// powers, which are returned. In double precision, in pieces, so that long sums keep their digits.
/// @param scale    > 0; entries over it have fourth powers in double precision
/// @param rows     a.rows() numbers, overwritten
/// @param columns  a.cols() numbers, overwritten
/// Cost: one pass over a; memory for one row of doubles.
template <class T>
double entry_sums(MatIn<T> a, double scale, VecOut<double> rows, VecOut<double> columns);

}  // namespace deeprmt::linalg
