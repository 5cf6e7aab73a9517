// Sums of squares that stay right however many there are.
#pragma once

#include <algorithm>

#include "deeprmt/core/types.hpp"

namespace deeprmt {

/// The sum of |v_i|^2 in double precision, by pieces: the roundings of one long sum in T would all go one way, until
/// what is added is too small to count. Float alone can neither under- nor overflow here.
template <class T>
double sum_of_squares(const T* v, Index n) {
  using Real = typename Eigen::NumTraits<T>::Real;
  constexpr Index parts = sizeof(T) / sizeof(Real), piece = 4096;
  const Real* entries = reinterpret_cast<const Real*>(v);
  double sum = 0;
  for (Index i = 0; i < parts * n; i += piece) {
    const Eigen::Map<const Vec<Real>> some(entries + i, std::min(piece, parts * n - i));
    sum += some.template cast<double>().squaredNorm();
  }
  return sum;
}

}  // namespace deeprmt
