// Which of the vectors of a decomposition are wanted.
#pragma once

#include <vector>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

inline void check_which(const char* function, const std::vector<Index>& which, Index full) {
  for (const Index i : which)
    check::that(i >= 0 && i < full, function, ": which must hold numbers from 0 to ", full - 1, ", got ", i);
}

/// Whether `which` is 0, 1, ..., full - 1, so that nothing need be picked.
inline bool all_in_order(const std::vector<Index>& which, Index full) {
  if (static_cast<Index>(which.size()) != full) return false;
  for (Index i = 0; i < full; ++i)
    if (which[static_cast<std::size_t>(i)] != i) return false;
  return true;
}

/// The vectors of a zero matrix: column c of x is the unit vector number which[c].
template <class X>
void unit_vectors(const std::vector<Index>& which, X&& x) {
  x.setZero();
  for (Index c = 0; c < x.cols(); ++c) x(which[static_cast<std::size_t>(c)], c) = 1;
}

}  // namespace deeprmt::linalg
