// Gram matrices of single-precision matrices, in double precision.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// a^T a, or a a^T if that is the smaller one. Products of two single-precision numbers are exact in double precision,
/// so that sums alone are rounded. Cut into tiles by its shape alone: `threads` never changes the result. Entries that
/// are not finite make the diagonal so. Memory: the result, and 512 rows of its width.
Mat<double> gram(MatIn<float> a, int threads);

}  // namespace deeprmt::linalg
