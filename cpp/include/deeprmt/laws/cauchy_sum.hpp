// The Stieltjes transform of point masses, and its derivative.
#pragma once

#include <complex>

#include "deeprmt/core/types.hpp"

namespace deeprmt::laws {

/// out[i] = sum_j masses[j] / (locations[j] - z[i])^power
///
/// @param locations  (n)  finite
/// @param masses     (n)  finite
/// @param z          (k)  finite; where it equals a location of positive mass the sum is +infinity
/// @param power      1 or 2
/// @param out        (k)  overwritten
/// @param threads    >= 1, never changes the result
/// @throws std::invalid_argument on unequal sizes or another power. Cost: O(n k), allocates nothing. Sums run in eight
/// lanes over blocks of 1024, so that rounding grows like that of pairwise summation.
void cauchy_sum(VecIn<double> locations, VecIn<double> masses, VecIn<std::complex<double>> z, int power,
                VecOut<std::complex<double>> out, int threads);

}  // namespace deeprmt::laws
