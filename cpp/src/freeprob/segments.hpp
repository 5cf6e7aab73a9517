// A chain of steps, sorted by what they do to ln z between one affine map and the next.
#pragma once

#include <memory>
#include <vector>

#include "deeprmt/freeprob/explicit_law.hpp"
#include "deeprmt/freeprob/squared_slopes.hpp"

namespace deeprmt::freeprob {

struct Term {
  double a, power;
};
struct Group {
  std::shared_ptr<const SquaredSlopes> law;
  double power, width;
};
/// What happens up to the next affine map: ln z += log_scale + log_y ln y + sum of terms and groups.
struct Segment {
  double log_scale = 0, log_y = 0, total = 0;  // total: log_y and all powers of terms
  double smooth = 0, jumps = 0;
  std::vector<Term> terms;
  std::vector<ExplicitLaw::Jump> projections;
  std::vector<Group> groups;
  double factor = 1, offset = 0;
};

/// One segment more than there are affine maps; equal steps are one.
std::vector<Segment> segments_of(const std::vector<ExplicitLaw::Step>& steps);

}  // namespace deeprmt::freeprob
