// Krylov sequences of many start vectors at once: what Lanczos and Golub-Kahan do beside applying the operator.
#pragma once

#include <cstdint>

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg {

/// Unit vectors x with E[x x^T] = I / n, one a row: random signs, or a Gaussian direction. Row i is drawn from sample
/// first + i of the key, so it does not depend on how many are drawn at once.
template <class T>
void probes(std::uint64_t key, std::uint32_t first, bool gaussian, MatOut<T> out, int threads);

/// Which rows of a basis hold what. Rows may be used in a ring, so that only the newest vectors are kept.
struct Place {
  Index used;    // rows [0, used) hold vectors
  Index last;    // the newest one, or -1 if there is none
  Index before;  // the one before, or -1
  Index next;    // where the new one goes; may be a row in use
};

/// The next vector of p independent sequences. w (p, n) holds the operator's values; sequence i keeps its orthonormal
/// vectors in rows [i capacity, (i + 1) capacity) of the basis (p capacity, n). w loses its parts along them and is
/// normalised into row `next`.
///
/// First the two newest vectors are taken out, the only ones that exact arithmetic has; then all that are kept, and
/// again while that shortens w by more than 0.7 (Daniel, Gragg, Kaufman & Stewart, Math. Comp. 30, 772, 1976). Each
/// sequence has a basis of its own, so this is a product of a matrix and a vector: the basis is read twice.
///
/// @param on_last, on_before  (p) what was taken out along these two, 0 where there is none
/// @param norm                (p) the length left; 0, with a next vector of zeros, where it is rounding alone
/// Sums over n run in pieces of fixed length, so that neither threads nor p change a bit.
template <class T>
void orthonormal_step(T* basis, Index capacity, Place place, MatOut<T> w, VecOut<double> on_last,
                      VecOut<double> on_before, VecOut<double> norm, int threads);

}  // namespace deeprmt::linalg
