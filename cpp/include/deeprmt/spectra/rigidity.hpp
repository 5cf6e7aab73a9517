// Spectral rigidity Delta_3: how far the counting function of a window is from its best straight line, over every
// position of the window.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::spectra {

/// For each row and each length L: the mean over all windows [E, E + L] inside the data, x_1 <= E <= x_n - L, of
/// min over lines a + b t of (1 / L) int (N(t) - a - b t)^2 dt. Dyson & Mehta, J. Math. Phys. 4, 701 (1963).
///
/// With f = N less the straight line of the whole row, the window's value is (I2 - I0^2 / L - 12 I1^2 / L^3) / L, where
/// I0, I1 and I2 are the integrals of f, of f times the distance to the middle, and of f^2. Between two events (a level
/// enters or leaves) these are polynomials in E of degree 1, 2 and 2, so that the integral over E has a closed form.
/// The positions are cut into `pieces` stretches of one length, whose means are told apart.
/// @param levels   (r, n)  finite and ascending, n >= 2
/// @param lengths  (k)     above 0 and below x_n - x_1 of each row
/// @param out      (r, k * pieces)  overwritten; must not overlap levels
/// @param threads  >= 1, never changes the result
/// @throws std::invalid_argument on a wrong shape or order, or a length that fits into no row.
/// Cost: O(n + pieces times levels in a window) for each row and length, with no memory to speak of.
void rigidity(MatIn<double> levels, VecIn<double> lengths, MatOut<double> out, Index pieces, int threads);

}  // namespace deeprmt::spectra
