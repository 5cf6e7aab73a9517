// Number variance: how much the number of levels in a window fluctuates, over every position of the window.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::spectra {

/// For each row and each length L: the integrals over all windows [E, E + L] inside the data, x_1 <= E <= x_n - L, of
/// the number of levels N(E) and of its square, in closed form because N is piecewise constant. The positions are cut
/// into `pieces` stretches of one length, whose parts are told apart: they are what errors are estimated from.
/// @param levels   (r, n)  finite and ascending, n >= 2
/// @param lengths  (k)     at least 0, below x_n - x_1 of each row
/// @param first    (r, k * pieces)  overwritten: for each piece the mean over its positions of N - c
/// @param second   (r, k * pieces)  overwritten: of (N - c)^2, with c = floor(L (n - 1) / (x_n - x_1) + 1/2), which
/// keeps the
///                 squares small; must not overlap
/// @param threads  >= 1, never changes the result
/// @throws std::invalid_argument on a wrong shape or order, or a length that fits into no row.
/// Cost: O(n) for each row and length, with no memory to speak of.
void number_variance(MatIn<double> levels, VecIn<double> lengths, MatOut<double> first, MatOut<double> second,
                     Index pieces, int threads);

}  // namespace deeprmt::spectra
