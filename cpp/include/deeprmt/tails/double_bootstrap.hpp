// What the choice of the number of largest values minimises, averaged over resamples.
#pragma once

#include <cstdint>

#include "deeprmt/core/types.hpp"

namespace deeprmt::tails {

/// mean[k-1] = average over resamples of (M2 - 2 M1^2)^2, with Mj = (1/k) sum_{i<=k} log(x_i / x_{k+1})^j over the k
/// largest of `size` values drawn with replacement, k = 1..size-1.
/// Danielsson, de Haan, Peng, de Vries, J. Multivariate Anal. 76, 226 (2001).
/// @param depth    n >= 2 logarithms of the largest value over each, ascending from 0: the values from the largest down
/// @param size     of a resample, 2 <= size <= n
/// @param key, part  resample i is a function of them and of i alone
/// @param mean     size - 1, overwritten
/// @param threads  >= 1, never changes the result
/// @throws std::invalid_argument on wrong sizes. Cost: O(resamples (n + size)); memory 128 size bytes and 4 n a thread.
void bootstrap_criterion(VecIn<double> depth, Index size, Index resamples, std::uint64_t key, std::uint32_t part,
                         VecOut<double> mean, int threads);

}  // namespace deeprmt::tails
