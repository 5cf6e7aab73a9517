// The Cauchy transform of a law of many atoms, its slope, and the imaginary part of its logarithmic potential.
#pragma once

#include <complex>
#include <utility>

#include "deeprmt/core/types.hpp"

namespace deeprmt::freeprob {

/// At each w: g = sum mass / (w - at), and its derivative slope = -sum mass / (w - at)^2.
/// @param at, mass  (n)  finite
/// @param w         (k)  on the axis too; at an atom g and slope are not finite
/// @param g, slope  (k)  overwritten
/// @param threads   >= 1, never changes the result
/// @throws std::invalid_argument on a wrong shape. Cost: O(k n), allocates nothing.
void atom_sums(VecIn<double> at, VecIn<double> mass, VecIn<std::complex<double>> w, VecOut<std::complex<double>> g,
               VecOut<std::complex<double>> slope, int threads);

/// The same at one w, of n atoms.
std::pair<std::complex<double>, std::complex<double>> atom_sum(const double* at, const double* mass, Index n,
                                                               std::complex<double> w);

/// At each w: sum mass arg(w - at), with arg in [0, pi]: Im w is taken to be at least 0, and arg(0) as 0.
void atom_arguments(VecIn<double> at, VecIn<double> mass, VecIn<std::complex<double>> w, VecOut<double> out,
                    int threads);

}  // namespace deeprmt::freeprob
