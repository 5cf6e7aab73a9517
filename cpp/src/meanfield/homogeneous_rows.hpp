// Layers of activations whose kernels depend on the angle alone, but for a factor: ramps, steps, squares and cubes.
#pragma once

#include <cmath>
#include <numbers>

#include "kernel_functions.hpp"
#include "kernel_step.hpp"

namespace deeprmt::meanfield {

template <class T, bool Bias, bool Tangent>
DEEPRMT_LEAF void ramp_row(const Step<T>* step) {
  const Step<T> s = *step;
  // phi is P |h| + Q h up to a factor, in effect: r' = share (sin + (pi - angle) cos) / pi + (1 - share) cos.
  const T share = s.first, rest = 1 - share, slope = s.second, over_pi = std::numbers::inv_pi_v<T>;
  const T sign = rest >= 0 ? T(1) : T(-1), size_rest = std::abs(rest);
  DEEPRMT_APART
  for (Index j = 0; j < s.n; ++j) {
    const T gap = std::abs(s.state[j]), t = gap / 2, root = std::sqrt(t), cosine = 1 - gap;
    const bool acute = positive(s.state[j]);
    const T bend = share * over_pi * 2 * root * t * excess(t);
    const T r = acute ? 1 - (gap - bend) : bend - rest * cosine;
    const T to_one = acute ? gap - bend : (1 - size_rest) + size_rest * gap + sign * bend;
    const T size = s.own[root_second] * s.other[root_second][j];
    s.state[j] = next_state<Bias>(to_one, acute || rest < 0, size, s, j);
    s.now[j] = s.weight * size * r + s.bias;
    if constexpr (Tangent) {
      const T part = 2 * root * arcsine(t) * over_pi;
      const T d = slope * (share * (acute ? 1 - part : part) + rest);
      s.theta[j] = s.from * size * r + s.constant + s.weight * d * s.theta[j];
    }
  }
}

/// The step, or if odd the sign.
template <class T, bool Odd, bool Bias, bool Tangent>
DEEPRMT_LEAF void step_row(const Step<T>* step) {
  const Step<T> s = *step;
  DEEPRMT_APART
  for (Index j = 0; j < s.n; ++j) {
    const T t = std::abs(s.state[j]) / 2, part = 2 * std::sqrt(t) * arcsine(t) * std::numbers::inv_pi_v<T>;
    const bool acute = positive(s.state[j]);
    const T size = s.own[root_second] * s.other[root_second][j];
    const T r = Odd ? std::copysign(1 - 2 * part, s.state[j]) : acute ? 1 - part : part;
    if constexpr (Odd)
      s.state[j] = next_state<Bias>(2 * part, acute, size, s, j);
    else
      s.state[j] = next_state_of_positive<Bias>(acute ? part : 1 - part, size, s, j);
    s.now[j] = s.weight * size * r + s.bias;
    if constexpr (Tangent) s.theta[j] = s.from * size * r + s.constant;
  }
}

/// h^2, or if odd h^3.
template <class T, bool Odd, bool Bias, bool Tangent>
DEEPRMT_LEAF void monomial_row(const Step<T>* step) {
  const Step<T> s = *step;
  DEEPRMT_APART
  for (Index j = 0; j < s.n; ++j) {
    const T gap = std::abs(s.state[j]), r = 1 - gap;
    const bool upper = !Odd || positive(s.state[j]);
    const T to_one = Odd ? gap * (9 - gap * (6 - 2 * gap)) / 5 : 2 * gap * (2 - gap) / 3;
    const T size = s.own[root_second] * s.other[root_second][j], f = upper ? size * (1 - to_one) : size * (to_one - 1);
    s.now[j] = s.weight * f + s.bias;
    if constexpr (Tangent) {
      const T d = Odd ? (1 + 2 * r * r) / 3 : std::copysign(r, s.state[j]);
      s.theta[j] = s.from * f + s.constant + s.weight * (s.own[root_slope] * s.other[root_slope][j] * d) * s.theta[j];
    }
    if constexpr (Odd)
      s.state[j] = next_state<Bias>(to_one, upper, size, s, j);
    else
      s.state[j] = next_state_of_positive<Bias>(to_one, size, s, j);
  }
}

}  // namespace deeprmt::meanfield
