// Reflectors that are staggered by one row each, as bulge chasing leaves them, eight at once on a panel of columns: the
// panel passes through registers, and nothing is packed. Van Zee, van de Geijn & Quintana-Orti, ACM TOMS 40, 18 (2014)
// do so with rotations.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg::turns {

constexpr Index together = 8;    // reflectors of a turn
constexpr Index most_packs = 3;  // cache lines in a row of a panel

/// x (size rows of `packs` cache lines, one after the other) <- (I - V T V^T) x.
/// Reflector j begins at row j and ends at row size - together + j.
/// @param v  (size, together), size >= 2 together, t (together, together), of which the upper triangle is read;
/// row-major
template <class T>
void turn(const T* v, const T* t, Index size, T* x, Index packs);

}  // namespace deeprmt::linalg::turns
