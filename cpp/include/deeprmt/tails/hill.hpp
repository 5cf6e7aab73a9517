// Hill's estimator of the extreme-value index, for every number of order statistics at once.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::tails {

/// xi[k-1] = (1/k) sum_{i<=k} log(x_i / x_{k+1}), x_1 >= x_2 >= ... the values from the largest down, k = 1..n-1;
/// error[k-1] = xi[k-1] / sqrt(k).
/// Hill, Ann. Stat. 3, 1163 (1975).
///
/// By parts it is (1/k) sum_{i<=k} i log(x_i / x_{i+1}): one running sum of terms that are not negative, so that
/// nothing cancels and no logarithm of a large ratio is needed.
/// @param ascending  n >= 2 values, positive, finite, ascending (as a sort leaves them)
/// @param xi, error  n - 1 each, overwritten; must not overlap
/// @param threads    >= 1, never changes the result
/// @throws std::invalid_argument on a wrong size. Cost: O(n) beside the sort.
void hill(VecIn<double> ascending, VecOut<double> xi, VecOut<double> error, int threads);

}  // namespace deeprmt::tails
