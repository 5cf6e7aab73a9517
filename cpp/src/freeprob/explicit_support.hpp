// The support of an `ExplicitLaw`, found first, from the real axis alone.
#pragma once

#include <vector>

#include "chain.hpp"
#include "continuation.hpp"
#include "deeprmt/freeprob/explicit_law.hpp"

namespace deeprmt::freeprob {

struct ExplicitSupport {
  std::vector<ExplicitLaw::Gap> gaps;  // ascending
  std::vector<Edge> edges;             // those from which points nearby can be reached
};

/// For the arguments see `ExplicitLaw`.
ExplicitSupport support_of(const Chain& chain, const std::vector<ExplicitLaw::Atom>& atoms, bool ends_at_last_atom);

}  // namespace deeprmt::freeprob
