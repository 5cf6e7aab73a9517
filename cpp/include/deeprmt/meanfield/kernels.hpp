// Covariance (K) and tangent kernel (Theta) of networks of infinite width, between all pairs of two sets of inputs.
//
//   K^1 = w x.y / n_0 + s,              K^{l+1} = w F_l + s
//   Theta^1 = e_1 x.y / n_0 + t_1,      Theta^{l+1} = e_{l+1} F_l + t_{l+1} + w D_l Theta^l
//
// F_l = E phi(u) phi(v) and D_l = E phi'(u) phi'(v) for Gaussian u and v with the covariance K^l of the pair.
//
// What goes from layer to layer is the correlation r of a pair, as 1 - |r| with the sign of r: from it follow angles
// near 0 and pi to rounding, which r itself knows to the root of that. In chaotic networks small angles grow, and what
// a layer does not know of them no later one does. So 1 - r of the next layer is never a difference of 1 and what is
// close to it, but a sum of what vanishes with 1 - r of this one and of what vanishes with the difference of the two
// variances. In the first layer small 1 - |r| are sums of squared differences of unit vectors.
#pragma once

#include <vector>

#include "deeprmt/core/types.hpp"

namespace deeprmt::meanfield {

/// What the activation is, and the network.
struct KernelNetwork {
  enum class Kind {
    ramp,  // below * h for h < 0, above * h for h > 0
    step,  // 1 for h > 0
    sign,
    square,  // h^2
    cube,    // h^3
    bell,    // exp(-h^2 / 2)
    power,   // max(h, 0)^order, order >= 2
    erf,     // erf(sqrt(above) h)
    gelu,    // h Phi(h)
    sine,
    cosine,
    pieces,  // lines between kinks
    table,   // anything: series in the correlation or the angle, whose coefficients depend on the two variances
  };
  Kind kind;
  double below = 0, above = 1;
  int order = 0;
  double weight, bias;                         // w, s above
  std::vector<double> constants, from_inputs;  // t_l, e_l above, as many as layers

  /// Coefficients of a series that are sums of products of a number of one input and one of the other: input i has the
  /// numbers left weights(:, i) as the first and right weights(:, i) as the second of a pair. The coefficient of degree
  /// t is the sum of the products ends[t - 1] to ends[t].
  struct Terms {
    std::vector<Index> ends;
    Mat<double> left, right;  // (numbers, p)
  };

  /// One for each layer but the last, if kind is table. Columns of the weights (p, n) interpolate for each input
  /// between p variances. f is F over the root of F(u, u) F(v, v), c the correlation of u and v, a and b their
  /// variances.
  ///   hermite: gap has one number h_k of each degree k, from E phi(a^(1/2) Z) He_k(Z) / k!^(1/2), over E phi^2's root.
  ///     1 - f = sum over k of h_k(a) h_k(b) (1 - c^k) + ln(a / b)^2 apart. d is empty. `order` is 1 and -1 for even
  ///     and odd activations, of which every second degree is there, else 0.
  ///   else: 1 - f = (1 - c) sum over k of gap_k T_k(2 angle / pi - 1) + ln(a / b)^2 apart; d is the series of the same
  ///     of D. Where `order` is 1 or -1 the series are in 4 angle / pi - 1 up to pi / 2. If `below` is not 0, the
  ///     activation jumps at 0: then gap is the series of f itself, apart is empty, order is 0.
  struct Table {
    bool hermite;
    Mat<double> x_weights, y_weights;
    Terms gap, apart, d;
  };
  std::vector<Table> tables;

  /// If kind is pieces, phi(h) = level + slope h + the sum of bends_k (h - kinks_k)_+ over kinks >= 0 and of
  /// bends_k (kinks_k - h)_+ over those below. `order` is 1 and -1 for even and odd activations, else 0.
  struct Pieces {
    static constexpr std::size_t most = 16;  // kinks
    std::vector<double> kinks, bends;
    double level = 0, slope = 0;
    double size = 0;  // the largest a (sum of |bends|)^2 / F(u, u): how much larger the terms are than what they make
    /// One for each layer but the last. With c any function of the variance, e the difference of those of a pair and
    /// top the larger: (1 - f) / e^2 at angle 0 as a Chebyshev series in top over [low, high] (rows) and in
    /// e / (top - low) over [0, 1] (columns). An empty series: 1 - f as the difference that it is, which does not know
    /// small angles.
    struct Apart {
      double low, high;
      Mat<double> series;
      Vec<double> x, y;  // c of each input
    };
    std::vector<Apart> apart;
  };
  Pieces pieces;
};

/// Of each input, by layer (rows): K^l(x, x) of all layers, F_l(x, x) and D_l(x, x) of all but the last.
struct KernelDiagonals {
  MatIn<double> variances, seconds, slopes;
};

/// @param x_units, y_units  (n, k), (m, k)  rows of length 1, whose products are the correlations of layer 1
/// @param x, y              (n, n_0), (m, n_0)  the inputs; only read unless e_1 = w and t_1 = s, else they may be
/// empty
/// @param symmetric         y is x: pairs are computed once
/// @param k, theta          (n, m), or (layers n, m) for all layers one below the other; empty if not wanted
/// @param threads           >= 1, never changes the result
/// Cost: n m (k multiplications and about 50 flops a layer); in the worst case, of inputs that are all nearly parallel,
/// 3 n m k flops more. Memory: 0.6 MiB a thread, with tables up to 520 sizeof(T) bytes more for each number of their
/// terms and 13 (n + m) sizeof(T) bytes a layer; tables have their p (n + m) doubles besides.
template <class T>
void infinite_kernels(MatIn<T> x_units, MatIn<T> y_units, MatIn<T> x, MatIn<T> y, const KernelDiagonals& of_x,
                      const KernelDiagonals& of_y, const KernelNetwork& network, bool symmetric, MatOut<T> k,
                      MatOut<T> theta, int threads);

}  // namespace deeprmt::meanfield
