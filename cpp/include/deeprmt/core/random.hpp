// Counter-based random numbers: entry i of a stream is a function of (key, sample, part, i) and of nothing else, so
// that draws do not depend on threads, chunks or workers. Philox4x32-10: Salmon, Moraes, Dror & Shaw, SC'11 (2011).
#pragma once

#include <array>
#include <cstdint>

#include "deeprmt/core/types.hpp"

namespace deeprmt {

/// One independent sequence of numbers. `sample` counts the draws that a caller asks for (the i-th matrix of a stack);
/// `part` tells apart what one sample is made of (weights of layer 1, biases of layer 1, ...).
struct Stream {
  std::uint64_t key = 0;
  std::uint32_t sample = 0;
  std::uint32_t part = 0;
};

/// The block function itself: 128 random bits from a 128-bit counter and a 64-bit key.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::uint64_t key);

/// Fills out[0..n) with entries [start, start + n) of the stream of independent N(0, 1) numbers, float or double.
/// Box-Muller on 53-bit (double) or 32-bit (float) uniforms; bit for bit the same on every instruction set.
template <class T>
void normals(Stream stream, std::uint64_t start, T* out, Index n);

/// The same for uniform numbers in the open interval (0, 1).
template <class T>
void uniforms(Stream stream, std::uint64_t start, T* out, Index n);

/// Entries of a whole row-major matrix, rows split over threads.
template <class T>
void normals(Stream stream, MatOut<T> out, T scale, int threads);

}  // namespace deeprmt
