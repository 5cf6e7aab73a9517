// Duals of activations that are lines between kinks, of inputs whose variances differ. For Gaussian u and v with the
// covariance R cos(angle), x = k / sqrt(a) of the kinks of u and y = l / sqrt(b) of those of v,
//
//   d/d(angle) E phi'(u) phi'(v) = -1/(2 pi) sum over k, l of bend_k bend_l E_kl(angle),
//   E_kl(angle) = exp(-(x^2 - 2 x y cos(angle) + y^2) / (2 sin(angle)^2))
//
// (R. L. Plackett, Biometrika 41, 351 (1954)), and the dual of phi follows by a second integral. With
// t = tan(angle / 2) the exponent is (x - y)^2 (1 + 1 / t^2) / 8 + (x + y)^2 (1 + t^2) / 8. Beyond 45 degrees the
// integrals from there to a right angle are Gauss-Legendre sums in t. Below, from angle 0, E is singular at t = 0 where
// x is almost y: there they are series in t^2 whose terms are moments of exp(-(x - y)^2 / (8 t^2)), each from the last.
// They add to what is known at angle 0, so that nothing is a difference of what is close.
#pragma once

#include <memory>
#include <vector>

#include "deeprmt/meanfield/kernels.hpp"

namespace deeprmt::meanfield {

template <class T>
class PieceLayers {
 public:
  static constexpr Index side = 256;  // pairs at once, at most

  /// Room for one thread.
  class Room;

  PieceLayers(const KernelNetwork& network, const KernelDiagonals& of_x, const KernelDiagonals& of_y);
  ~PieceLayers();
  std::shared_ptr<Room> room() const;

  /// Input i of x with inputs begin, ..., begin + n - 1 of y: 1 - (correlation of features) and the correlation of
  /// slopes, from 1 - |r| with the sign of r. Of even and odd activations as if r were positive.
  void row(Index layer, Index i, Index begin, Index n, const T* state, T* gap, T* d, Room& room) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deeprmt::meanfield
