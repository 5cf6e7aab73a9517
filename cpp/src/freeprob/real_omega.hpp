// Subordination points on the real axis, outside the slopes, and the branches that they may lie on.
#pragma once

#include <vector>

#include "deeprmt/freeprob/squared_slopes.hpp"

namespace deeprmt::freeprob {

/// The nearer of the distances to 0 and to the largest slope: the length on which ln z changes.
double reach(const SquaredSlopes::Point& p);

/// The atoms of a law but for one at 0.
std::vector<double> positive_atoms(const SquaredSlopes& law);

/// How many intervals free of slopes a real omega may lie on: 0 is below the least positive one, then come those
/// between atoms, and last the one above all.
int branches_of(const SquaredSlopes& law);

/// The real omega on a branch with M(omega) = y, if there is one; p is where to start, if it lies there.
bool invert(const SquaredSlopes& law, double y, double one_plus_y, int branch, SquaredSlopes::Point& p);

}  // namespace deeprmt::freeprob
