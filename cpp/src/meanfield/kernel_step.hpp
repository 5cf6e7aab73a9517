// One layer of one row of pairs: what it reads and writes, and how correlations become those of the next layer.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/types.hpp"
#include "deeprmt/meanfield/kernels.hpp"

namespace deeprmt::meanfield {

inline constexpr Index tile_side = 256;
inline constexpr int most_numbers = 13;  // that are kept of each input in each layer

/// Rows of n pairs with one input (`own`) in common, and where the numbers of the others stand.
template <class T>
struct Step {
  Index n;
  T* state;  // 1 - |r|, with the sign of r: in and out
  T* now;    // K: out
  T* theta;  // in and out; null if not wanted
  T own[most_numbers];
  const T* other[most_numbers];
  T weight, bias, from, constant;
  T first, second;  // of the activation
};

/// Room for one thread: strips of `tile_side` entries.
template <class T>
struct Strips {
  T a[tile_side], b[tile_side], c[tile_side], x[tile_side], y[tile_side], f[tile_side], d[tile_side];
};

// What is known of each input, F and D those of the input and itself: of every kind sqrt(F), the root of the next
// variance and its inverse (0 for 0), then by kind. a is the variance (twice the scale times it for erf), at least
// `floor_of`.
enum Number { root_second, root_next, inverse_next, by_kind };
enum Homogeneous { root_slope = by_kind, log_a };  // sqrt(D); ln a only of tables
// sqrt(a), sqrt(F) and its inverse at this a; 1 / sqrt(1 + a), sqrt(1 + 2 a) and a for erf and gelu;
// 1 - e^-a and e^-2a for waves; for gelu also the root of what its even part has of F, arcsin(a / (1 + a)),
// sqrt(1 + a) and a / ((1 + a) sqrt(1 + 2 a)): divisions are what its loop waits for.
enum Smooth { root_a = by_kind, root_f, inverse_f, inverse_a, wide, all_a, root_even, arc, root_whole, steep };
enum Wave { fall = inverse_a, twice_fallen = wide };

inline int count_of(KernelNetwork::Kind kind) {
  using Kind = KernelNetwork::Kind;
  switch (kind) {
    case Kind::erf:
    case Kind::bell:
      return all_a + 1;
    case Kind::gelu:
      return most_numbers;
    case Kind::sine:
    case Kind::cosine:
      return twice_fallen + 1;
    default:
      return log_a + 1;
  }
}

template <class T>
DEEPRMT_LEAF bool positive(T state) {
  return std::copysign(T(1), state) > 0;
}

/// The next state where r >= 0, `gap` = 1 - r: no side to choose, and with a choice known when compiled GCC makes
/// branches of the other function's.
template <bool Bias, class T>
DEEPRMT_LEAF T next_state_of_positive(T gap, T size, const Step<T>& s, Index j) {
  gap = std::min(gap, T(1));
  if constexpr (Bias) {
    const T root = s.own[root_next] * s.other[root_next][j], inverse = s.own[inverse_next] * s.other[inverse_next][j],
            a = s.weight * size;
    const T difference = s.own[root_second] - s.other[root_second][j];
    const T sum = root + a + std::numeric_limits<T>::min();
    gap = std::min((a * gap + s.bias * s.weight * difference * difference / (sum + s.bias)) * inverse, T(1));
  }
  return gap;
}

/// From r F-like correlation to the next state: `gap` is 1 - r if `upper`, else 1 + r; `size` is sqrt(F(u,u) F(v,v)).
template <bool Bias, class T>
DEEPRMT_LEAF T next_state(T gap, bool upper, T size, const Step<T>& s, Index j) {
  const bool beyond = gap > 1;
  gap = beyond ? 2 - gap : gap;
  upper = upper != beyond;
  if constexpr (Bias) {
    const T root = s.own[root_next] * s.other[root_next][j], inverse = s.own[inverse_next] * s.other[inverse_next][j],
            a = s.weight * size;
    const T difference = s.own[root_second] - s.other[root_second][j];
    const T squares = s.own[root_second] * s.own[root_second] + s.other[root_second][j] * s.other[root_second][j];
    // sqrt(a'b') - K' = (A gap + bias (sqrt a - sqrt b)^2 / (sqrt(a'b') + A + bias)), and the like for +.
    const T sum = root + a + std::numeric_limits<T>::min();
    const T low = a * gap + s.bias * s.weight * difference * difference / (sum + s.bias);
    const T high = a * gap + s.bias + s.bias * (s.weight * squares + s.bias) / sum;
    gap = (upper ? low : high) * inverse;
    const bool over = gap > 1;
    gap = over ? std::max(2 - gap, T(0)) : gap;
    upper = upper != over;
  }
  return std::copysign(gap, upper ? T(1) : T(-1));
}

template <class T>
using Numbers = std::vector<Mat<T>>;  // by layer: (values, inputs)

/// Below this variance the smooth closed forms take it for this: there they are lines, and squares do not underflow.
template <class T>
inline constexpr double floor_of = sizeof(T) == 4 ? 1e-8 : 1e-30;

template <class T>
Numbers<T> numbers(const KernelDiagonals& of, const KernelNetwork& net) {
  using Kind = KernelNetwork::Kind;
  Numbers<T> out;
  const double scale = net.kind == Kind::erf ? 2 * net.above : 1;
  const double least = std::sqrt(static_cast<double>(std::numeric_limits<T>::min()));  // its inverse squared is finite
  for (Index l = 0; l + 1 < of.variances.rows(); ++l) {
    Mat<T> layer(count_of(net.kind), of.variances.cols());
    for (Index i = 0; i < layer.cols(); ++i) {
      const auto put = [&](int at, double value) { layer(at, i) = static_cast<T>(value); };
      const double q = of.variances(l, i), next = std::sqrt(of.variances(l + 1, i)),
                   a = std::max(scale * q, floor_of<T>);
      put(root_second, std::sqrt(of.seconds(l, i)));
      put(root_next, next);
      put(inverse_next, next > least ? 1 / next : 0);
      double f = 0;
      switch (net.kind) {
        case Kind::erf:
        case Kind::bell:
        case Kind::gelu: {
          const double w = std::sqrt(1 + 2 * a), turned = std::atan2(a, w),
                       even = (a * turned + 2 * a * (a / (1 + a)) / w) * std::numbers::inv_pi / 2;
          put(inverse_a, 1 / std::sqrt(1 + a));
          put(wide, w);
          put(all_a, a);
          if (net.kind == Kind::gelu) {
            put(root_even, std::sqrt(even));
            put(arc, turned);
            put(root_whole, std::sqrt(1 + a));
            put(steep, a / (1 + a) / w);
          }
          f = net.kind == Kind::erf ? 2 * std::numbers::inv_pi * turned : net.kind == Kind::gelu ? a / 4 + even : 1 / w;
          break;
        }
        case Kind::sine:
        case Kind::cosine:
          put(fall, -std::expm1(-a));
          put(twice_fallen, std::exp(-2 * a));
          f = net.kind == Kind::sine ? -std::expm1(-2 * a) / 2 : (1 + std::exp(-2 * a)) / 2;
          break;
        default:
          // What the correlation of phi' is to be multiplied by, or a Hermite series.
          put(root_slope, std::sqrt(net.kind == Kind::table && net.tables[l].hermite
                                        ? of.seconds(l, i) / std::max(q, std::numeric_limits<double>::min())
                                        : of.slopes(l, i)));
          put(log_a, std::log(std::max(q, std::numeric_limits<double>::min())));
          continue;
      }
      put(root_a, std::sqrt(a));
      put(root_f, std::sqrt(f));
      put(inverse_f, 1 / std::sqrt(f));
    }
    out.push_back(std::move(layer));
  }
  return out;
}

}  // namespace deeprmt::meanfield
