// Laws on [xmin, inf) that a tail may follow instead of a power law, by maximum likelihood.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::tails {

/// The best density proportional to exp(-theta u - kappa g(u)) of u = log(x / xmin) >= 0: an exponential family with a
/// concave likelihood, which holds the power law at kappa = 0.
struct BentFit {
  double theta = 0;
  double kappa = 0;
  double gain = 0;  ///< 0, or where 200 steps were too few: what the last of them gained for each value
};

/// g(u) = (u / max u)^2: a lognormal law. For values whose best kappa is above 0: the mean square of u below twice the
/// squared mean.
/// @param u            n >= 2 numbers >= 0, not all 0
/// @param log_density  of each u under the fit, overwritten
/// Cost: a few us a step beside O(n); some 20 steps.
BentFit fit_lognormal(VecIn<double> u, VecOut<double> log_density);

/// g(u) = (e^u - 1) / (e^max u - 1): a power law with an exponential cutoff.
BentFit fit_truncated(VecIn<double> u, VecOut<double> log_density);

/// The shape b of the best stretched exponential law, density proportional to x^(b - 1) exp(-rate x^b), whose rate
/// follows from b; 0 where the best is the power law.
double stretched_shape(VecIn<double> u);

}  // namespace deeprmt::tails
