// Arc-cosine kernels, those of max(h, 0)^order, by polynomials and series in passes that stay in the first cache.
#pragma once

#include <vector>

#include "kernel_step.hpp"

namespace deeprmt::meanfield {

/// Up to pi / 2 the kernel is p(cos) (pi - angle) + q(cos) sin, and beyond sin^(2 order + 1) tail(t), all over the
/// value at 0. One less it is, up to pi / 2, (1 - cos) times a series in the angle. t is sin(angle / 2)^2.
class PowerKernel {
 public:
  explicit PowerKernel(int order);

  /// Of n <= tile_side pairs the normalised kernel, or with `gap` 1 less it.
  template <class T>
  void pass(bool gap, const T* state, T* out, Strips<T>& strips, Index n) const;

 private:
  int order_;
  std::vector<double> p_, q_, tail_, gap_;
};

}  // namespace deeprmt::meanfield
