// The subordination points of a chain at a given z: Newton's method, and the ways there from points that are known.
#pragma once

#include <complex>
#include <vector>

#include "chain.hpp"
#include "deeprmt/core/solving.hpp"

namespace deeprmt::freeprob {

/// The last two solutions along the axis, with the derivatives of all unknowns, the lead's first, to ln x.
struct Trail {
  Tally tally;  // of the present point
  int known = 0;
  double log_x[2];
  std::vector<std::complex<double>> at[2], slope[2];
};

/// A simple end of the support: ln z = log_x + curvature (lead - its end)^2 / 2.
struct Edge {
  double log_x, curvature;
  Chain::Point at;
};

/// The lead at z = -e^log_modulus: it is negative too, and z rises with it.
bool negative_root(const Chain& chain, Chain::Point& p, double log_modulus);

/// The point at |z| e^{i argument}, argument in [0, pi): starts on the negative axis, where it is the root of a
/// monotone function, and turns.
bool from_afar(const Chain& chain, Chain::Point& p, double log_modulus, double argument, Tally& tally);

/// The point at x + i0 inside the support: from the last point, from an edge nearby, or from afar.
bool in_bulk(const Chain& chain, const std::vector<Edge>& edges, Chain::Point& p, Trail& trail, double log_x,
             Chain::Value& found);

}  // namespace deeprmt::freeprob
