// A real polynomial of high degree and its derivative at many complex points: the transforms of cosine series.
#pragma once

#include <complex>

#include "deeprmt/core/types.hpp"

namespace deeprmt::freeprob {

/// At each v: value = sum f_k v^k, and its derivative slope, by Horner's rule.
/// @param f             (n)  n >= 1, constant first
/// @param v             (k)
/// @param value, slope  (k)  overwritten
/// @param threads       >= 1, never changes the result
/// @throws std::invalid_argument on a wrong shape. Cost: O(k n), allocates nothing.
void power_series(VecIn<double> f, VecIn<std::complex<double>> v, VecOut<std::complex<double>> value,
                  VecOut<std::complex<double>> slope, int threads);

}  // namespace deeprmt::freeprob
