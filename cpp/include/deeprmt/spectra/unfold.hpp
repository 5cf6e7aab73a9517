// Unfolding: levels mapped by their own smoothed counting function, so that the mean spacing becomes 1.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::spectra {

/// Gaussian broadening, row by row: out_i = sum_k Phi((x_i - x_k) / sigma_k), where Phi is the normal distribution
/// function and sigma_k = (x_{k+a} - x_{k-a}) / 2 with a = window and indices clipped at the ends.
/// Bruus & Angles d'Auriac, Phys. Rev. B 55, 9142 (1997).
///
/// A pair further apart than 8.3 sigma_k counts as 0 or 1, which is Phi to 5e-17; so each k meets the levels of one
/// stretch only, about 17 a of them, and the rest by a counter. A sigma_k of 0 gives a step, 1/2 at equality.
/// @param levels  (r, n)  finite and ascending, n >= 1
/// @param out     (r, n)  overwritten; must not overlap levels
/// @param window  >= 1
/// @param threads >= 1, never changes the result
/// @throws std::invalid_argument on a wrong shape or unordered levels
void unfold_gaussian(MatIn<double> levels, MatOut<double> out, Index window, int threads);

}  // namespace deeprmt::spectra
