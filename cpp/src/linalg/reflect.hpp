// Single reflectors on small blocks inside a band: the leaf loops of bulge chasing. Rows are read and written in whole
// cache lines ("packs"), so blocks come padded: they begin at an aligned address, and where the reflector does not
// reach, its entries are zero.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg::reflect {

/// The most packs that a reflector may span: 64 doubles that begin anywhere in a line.
inline constexpr Index most_packs = 9;

// `ld` is the distance between rows, a multiple of pack; `packs` counts the packs of a row; v and rows start on a cache
// line.

/// v holds x from entry `pivot` on, and zeros elsewhere in its packs. It becomes the vector of the reflector
/// I - tau v v^T, v_pivot = 1, that takes x to (beta, 0, ...). Returns tau, 0 if there is nothing to do.
template <class T>
T make(T* v, Index packs, Index pivot, T& beta);

/// block (rows, packs) <- (I - tau u u^T) block, without the first `skip` < pack columns, which stay.
template <class T>
void from_left(T* block, Index ld, Index rows, Index packs, Index skip, const T* u, T tau);

/// block (rows, packs) <- block (I - tau v v^T).
template <class T>
void from_right(T* block, Index ld, Index rows, Index packs, const T* v, T tau);

/// Symmetric block <- (I - tau v v^T) block (I - tau v v^T). Row i of the block has its diagonal at column first + i;
/// v reaches from column `first` over `rows` columns. Only the upper triangle is used, what is below it must be zero
/// and stays so. p is scratch of `packs` packs.
template <class T>
void from_both(T* block, Index ld, Index rows, Index packs, Index first, const T* v, T tau, T* p);

}  // namespace deeprmt::linalg::reflect
