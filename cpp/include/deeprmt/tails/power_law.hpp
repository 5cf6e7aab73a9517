// The power-law fit of Clauset, Shalizi and Newman: the lower end of the tail at which the fitted law is closest.
#pragma once

#include <vector>

#include "deeprmt/core/random.hpp"
#include "deeprmt/core/types.hpp"

namespace deeprmt::tails {

/// How far the empirical distribution function lies from the fitted one F at the m sorted values z_0 <= z_1 <= ...
enum class Distance {
  plfit,     ///< max |F(z_j) - j/m|: of the empirical function its left limits alone
  two_sided  ///< max(F(z_j) - j/m, (j+1)/m - F(z_j)): the distance of Kolmogorov and Smirnov
};

struct PowerLawFit {
  Index first = -1;     ///< where the tail begins among the ascending values; -1: there was nothing to fit
  double alpha = 0;     ///< exponent of the density
  double distance = 0;  ///< of that tail
};

/// Over every distinct value as the lower end xmin, but the largest: the exponent 1 + m / sum log(x / xmin) of the m
/// values from xmin on, and the distance of its law from them. Returns the least distance, of several the smallest
/// xmin. Clauset, Shalizi, Newman, SIAM Rev. 51, 661 (2009).
///
/// The result is that of trying all, but few are: a candidate is left once one point of its tail lies further off than
/// the best whole tail so far, and that point is mostly the one that ruled out its neighbour.
/// @param ascending  n >= 2 values, positive, finite, ascending
/// @param threads    >= 1, never changes the result
/// @throws std::invalid_argument on a wrong size. Cost: about O(n) beside a few whole tails, at worst O(n^2)
/// exponentials; memory 40 n bytes.
PowerLawFit fit_power_law(VecIn<double> ascending, Distance distance, int threads);

/// The exponent and the distance for one lower end, 0 < xmin <= the least of the values. alpha is infinite where all of
/// them equal xmin.
PowerLawFit fit_power_law_from(VecIn<double> ascending, double xmin, Distance distance);

/// Distances and exponents of fits to samples like the data, were their tail a power law: each value is one of those
/// below index `first`, drawn with replacement, or with probability (n - first) / n a draw from the law with exponent
/// `alpha` from xmin on; then xmin is chosen anew. With `fixed` the tail alone is drawn, n - first values, and fitted
/// from xmin on.
/// @param distances, alphas  one a sample, overwritten; NaN where all values of a sample were equal
/// @param key                sample i is a function of it and of i alone
/// @throws std::invalid_argument on wrong sizes. Cost: per sample O(n) and a fit; memory 60 n bytes a thread.
void power_law_bootstrap(VecIn<double> ascending, Index first, double xmin, double alpha, Distance distance, bool fixed,
                         std::uint64_t key, VecOut<double> distances, VecOut<double> alphas, int threads);

struct Exceeding {
  Index count = 0;  ///< samples whose distance is at least the given one, `enough` at most
  Index valid = 0;  ///< samples that could be fitted, of those that were drawn
};

/// How many samples of `power_law_bootstrap`, xmin chosen anew, have a distance of `least` or more, counted up to
/// `enough`. A sample is left once one of its tails is closer than that, so that this takes a fraction of the time.
/// @param threads  >= 1, never changes the count
/// @throws std::invalid_argument on wrong sizes.
Exceeding power_law_bootstrap_count(VecIn<double> ascending, Index first, double xmin, double alpha, Distance distance,
                                    std::uint64_t key, Index samples, double least, Index enough, int threads);

}  // namespace deeprmt::tails
