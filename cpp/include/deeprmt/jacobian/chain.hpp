// Input-output Jacobians of sampled networks: forward pass and chain rule, layer by layer.
#pragma once

#include <functional>
#include <vector>

#include "deeprmt/core/types.hpp"
#include "deeprmt/jacobian/layer.hpp"

namespace deeprmt::jacobian {

/// A random network: h_l = W_l x_{l-1} + b_l, x_l = phi(h_l), l = 1 .. depth.
template <class T>
struct Model {
  std::vector<Index> widths;  // n_0 .. n_depth
  Weights kind = Weights::gaussian;
  T sigma_w = 1;
  T sigma_b = 0;
  /// x = phi(h), d = phi'(h), n entries each. May be called on several threads at once.
  std::function<void(const T* h, Index n, T* x, T* d)> activate;
  bool activation_output = false;  // J = dx_L/dx_0 rather than dh_L/dx_0
  /// Not empty: preactivations of the layers 1, 2, ... are replaced by independent N(0, q_l), whatever the weights.
  std::vector<T> independent;

  Index depth() const { return static_cast<Index>(widths.size()) - 1; }
};

/// Row t: singular values, descending, of J of network first + t, or their natural logarithms if `log`: then the
/// product is never multiplied out (linalg::LogProduct), and zeros are -infinity. x: one row for each network, or one
/// for all, or none: then each network has its own input, uniform on the sphere |x|^2 = n_0 q0.
///
/// The signal goes through a layer as one more column of the Jacobian, so that weights are needed once and never kept.
/// The first layer is formed. Memory: J, for Gaussian weights the next J, a panel of O(n) rows; in the end J
/// alone, or its transpose too if it is wide: at most 2.5 n^2 + O(n) numbers at width n, 9 n^2 if `log`.
/// Networks run in parallel if all widths are at most 1024, else each uses all threads: never both.
/// @throws std::invalid_argument, naming the layer, if a signal or the Jacobian is not finite.
template <class T>
void singular_values(const Model<T>& model, std::uint64_t key, std::uint32_t first, MatIn<T> x, T q0, bool log,
                     MatOut<T> out, int threads);

}  // namespace deeprmt::jacobian
