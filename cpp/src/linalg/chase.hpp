// Single reflectors on small blocks inside a band: the leaf loops of bulge chasing.
#pragma once

#include "deeprmt/core/types.hpp"

namespace deeprmt::linalg::chase {

/// The reflector I - tau v v^T, v_0 = 1, that takes x to (beta, 0, ...); x is read with distance `step`. Returns tau.
template <class T>
T householder(const T* x, Index step, Index n, T* v);

// Blocks are (rows, cols) with distance `ld` between rows. Overloads, because each is dispatched on the instruction
// set.

/// block <- (I - tau u u^T) block; w is scratch of length cols.
void reflect_left(float* block, Index ld, Index rows, Index cols, const float* u, float tau, float* w);
void reflect_left(double* block, Index ld, Index rows, Index cols, const double* u, double tau, double* w);

/// block <- block (I - tau v v^T).
void reflect_right(float* block, Index ld, Index rows, Index cols, const float* v, float tau);
void reflect_right(double* block, Index ld, Index rows, Index cols, const double* v, double tau);

/// Symmetric (n, n) block, given by its upper triangle, <- (I - tau v v^T) block (I - tau v v^T); p is scratch of
/// length n.
void reflect_both(float* block, Index ld, Index n, const float* v, float tau, float* p);
void reflect_both(double* block, Index ld, Index n, const double* v, double tau, double* p);

}  // namespace deeprmt::linalg::chase
