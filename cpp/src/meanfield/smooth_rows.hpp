// Layers of smooth activations with closed forms: erf, the bell, gelu, sine and cosine.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernel_functions.hpp"
#include "kernel_step.hpp"

namespace deeprmt::meanfield {

/// arcsin(x) where 1 - x^2 = left.
template <class T>
DEEPRMT_LEAF T arcsine_of(T x, T left) {
  const T size = std::min(std::abs(x), T(1)), square = size * size;
  const bool small = square <= T(0.5);
  const T t = small ? square : left / (2 * (1 + size));
  const T half = std::sqrt(t) * arcsine(t);
  return std::copysign(small ? half : std::numbers::pi_v<T> / 2 - 2 * half, x);
}

/// (1 + a + b + a b (1 - r^2)) / ((1 + a) (1 + b)), 1 - |r| = gap: neither large nor lost where a and b are.
template <class T>
DEEPRMT_LEAF T determinant(T a, T b, T inverse_root_a, T inverse_root_b, T gap) {
  const T at_a = inverse_root_a * inverse_root_a, at_b = inverse_root_b * inverse_root_b;
  return at_a * at_b + a * at_a * at_b + b * at_b * at_a + (a * at_a) * (b * at_b) * (gap * (2 - gap));
}

/// The turn (t_a + t_b) / 2 - t of t = arcsin(c / sqrt((1 + a) (1 + b))), t_a = arcsin(a / (1 + a)), and what it is
/// made of. It vanishes as the square of the angle of the pair: no difference of arcs would know it.
template <class T>
struct Turn {
  T root, both, apart, sums, det, sine, turn;
};
template <class T>
DEEPRMT_LEAF Turn<T> turn_of(const Step<T>& s, Index j, T gap) {
  Turn<T> t;
  const T sa = s.own[root_a], sb = s.other[root_a][j], wa = s.own[wide], wb = s.other[wide][j];
  t.root = sa * sb, t.both = s.own[inverse_a] * s.other[inverse_a][j];
  t.apart = sa - sb, t.sums = sa + sb;
  t.det = determinant(s.own[all_a], s.other[all_a][j], s.own[inverse_a], s.other[inverse_a][j], gap);
  // With m the mean of t_a and t_b: sin(m - t) sin(m + t) is ((w_a - w_b)^2 / 4 + a b (1 - r^2)) / ((1 + a) (1 + b)).
  const T at_one = t.root * t.both, between = t.both * t.apart * t.sums / (wa + wb);
  const T product = between * between + at_one * at_one * (gap * (2 - gap));
  t.sine = at_one * (1 - gap);
  const T cosine = std::sqrt(t.det), mean_sine = std::sqrt(t.sine * t.sine + product),
          mean_cosine = t.both * (wa + wb) / 2;
  const T beside = mean_sine * cosine + mean_cosine * t.sine, along = mean_cosine * cosine + mean_sine * t.sine;
  t.turn = arcsine_of(product / beside, along * along);
  return t;
}

template <class T, bool Bias, bool Tangent>
DEEPRMT_LEAF void erf_row(const Step<T>* step) {
  const Step<T> s = *step;
  DEEPRMT_APART
  for (Index j = 0; j < s.n; ++j) {
    const Turn<T> t = turn_of(s, j, std::abs(s.state[j]));
    const bool upper = positive(s.state[j]);
    const T roots = s.own[root_f] - s.other[root_f][j];
    const T left = std::numbers::inv_pi_v<T> * 2 * t.turn - roots * roots / 2;
    const T gap = std::max(left, T(0)) * s.own[inverse_f] * s.other[inverse_f][j];
    const T size = s.own[root_second] * s.other[root_second][j], f = std::copysign(size * (1 - gap), s.state[j]);
    s.now[j] = s.weight * f + s.bias;
    s.state[j] = next_state<Bias>(gap, upper, size, s, j);
    if constexpr (Tangent) {
      const T d = s.first * 4 * std::numbers::inv_pi_v<T> * t.both / std::sqrt(t.det);
      s.theta[j] = s.from * f + s.constant + s.weight * d * s.theta[j];
    }
  }
}

inline constexpr double far = 3.7;  // of roots of F: beyond, differences of what is twice the variances lose a digit

/// ln(arcsin(x) / x) for 0 <= x <= 1 and y = sqrt(1 - x^2), to relative precision.
template <class T>
T log_bend(T x, T y) {
  constexpr T c[] = {T(1.0 / 6),       T(3.0 / 40),      T(5.0 / 112),       T(35.0 / 1152),      T(63.0 / 2816),
                     T(231.0 / 13312), T(143.0 / 10240), T(6435.0 / 557056), T(12155.0 / 1245184)};
  const T t = x * x;
  return t < T(0.03) ? std::log1p(t * polynomial(c, t)) : std::log(std::atan2(x, y) / x);
}

/// The pairs of a row whose variances are of other sizes, once more: there the row's difference of arcs is as small to
/// its terms as one length to the other. With l(x) = ln(arcsin(x) / x) the correlation is r e^-k, where k, the mean of
/// l of the two inputs less that of the pair, is a difference of unlike terms. One by one: a choice in the row's loop
/// would cost all pairs more than this costs the few.
template <class T, bool Bias, bool Tangent>
void erf_far_pairs(const Step<T>& s, const T* states, const T* thetas) {
  const T own_bend =
      log_bend(s.own[all_a] * s.own[inverse_a] * s.own[inverse_a], s.own[wide] * s.own[inverse_a] * s.own[inverse_a]);
  for (Index j = 0; j < s.n; ++j) {
    const T fa = s.own[root_f], fb = s.other[root_f][j];
    if (std::max(fa, fb) <= T(far) * std::min(fa, fb)) continue;
    const T gap = std::abs(states[j]), b = s.other[all_a][j], at_b = s.other[inverse_a][j] * s.other[inverse_a][j];
    const T both = s.own[inverse_a] * s.other[inverse_a][j];
    const T det = determinant(s.own[all_a], b, s.own[inverse_a], s.other[inverse_a][j], gap);
    const T sine = s.own[root_a] * s.other[root_a][j] * both * (1 - gap);
    const T k = (own_bend + log_bend(b * at_b, s.other[wide][j] * at_b)) / 2 - log_bend(sine, std::sqrt(det));
    const T size = s.own[root_second] * s.other[root_second][j];
    const T f = std::copysign(size * (1 - gap) * std::exp(-k), states[j]);
    s.now[j] = s.weight * f + s.bias;
    s.state[j] = next_state<Bias>(gap - (1 - gap) * std::expm1(-k), positive(states[j]), size, s, j);
    if constexpr (Tangent) {
      const T d = s.first * 4 * std::numbers::inv_pi_v<T> * both / std::sqrt(det);
      s.theta[j] = s.from * f + s.constant + s.weight * d * thetas[j];
    }
  }
}

template <class T, bool Bias, bool Tangent>
DEEPRMT_LEAF void bell_row(const Step<T>* step) {
  const Step<T> s = *step;
  DEEPRMT_APART
  for (Index j = 0; j < s.n; ++j) {
    const T gap = std::abs(s.state[j]), wa = s.own[wide], wb = s.other[wide][j];
    const T sa = s.own[root_a], sb = s.other[root_a][j], both = s.own[inverse_a] * s.other[inverse_a][j];
    const T det = determinant(s.own[all_a], s.other[all_a][j], s.own[inverse_a], s.other[inverse_a][j], gap);
    // F = 1 / sqrt(d), d = 1 + a + b + a b (1 - r^2) = w_a w_b + (w_a - w_b)^2 / 2 + a b (1 - r^2).
    const T f = both / std::sqrt(det), at_one = sa * sb * both, between = both * (sa - sb) * (sa + sb) / (wa + wb);
    const T squares = (2 * between * between + at_one * at_one * (gap * (2 - gap))) / det;
    const T to_one = squares / (1 + std::sqrt(std::max(1 - squares, T(0))));
    s.now[j] = s.weight * f + s.bias;
    if constexpr (Tangent) {
      const T d = std::copysign(at_one * (1 - gap) * (both / det) * (both / std::sqrt(det)), s.state[j]);
      s.theta[j] = s.from * f + s.constant + s.weight * d * s.theta[j];
    }
    s.state[j] = next_state_of_positive<Bias>(to_one, s.own[root_second] * s.other[root_second][j], s, j);
  }
}

/// h Phi(h) is the line h / 2 and an even function e: each has its part in 1 - r and in 1 + r.
template <class T, bool Bias, bool Tangent>
DEEPRMT_LEAF void gelu_row(const Step<T>* step) {
  const Step<T> s = *step;
  constexpr T over_two_pi = std::numbers::inv_pi_v<T> / 2;
  DEEPRMT_APART
  for (Index j = 0; j < s.n; ++j) {
    const T gap = std::abs(s.state[j]);
    const Turn<T> t = turn_of(s, j, gap);
    const bool upper = positive(s.state[j]);
    const T a = s.own[all_a], b = s.other[all_a][j], wa = s.own[wide], wb = s.other[wide][j];
    const T at_a = s.own[inverse_a] * s.own[inverse_a], at_b = s.other[inverse_a][j] * s.other[inverse_a][j];
    const T arc_a = s.own[arc], arc_b = s.other[arc][j], even_a = s.own[root_even], even_b = s.other[root_even][j];
    // 2 pi E e(u) e(v) = c t + (a b - c^2 + c^2 (1 / (1 + a) + 1 / (1 + b))) / sqrt(d), d = (1 + a) (1 + b) - c^2: how
    // much the mean of those of u and of v is more, term by term as what vanishes at a = b and what does at r = 1.
    const T root_det = std::sqrt(t.det), by_root_det = 1 / root_det, w = std::sqrt(1 + a + b), by_w = 1 / w;
    const T root_d = root_det * (s.own[root_whole] * s.other[root_whole][j]);
    const T differ = t.apart * t.sums;
    const T arcs = (t.apart * t.apart / 2 + t.root * gap) * ((arc_a + arc_b) / 2) + t.root * (1 - gap) * t.turn +
                   differ * (arc_a - arc_b) / 4;
    const T by_both = 1 / ((w + wa) * (w + wb));
    const T u_a = s.own[steep] * (1 - (b * by_w) * ((w + wb) * by_both)),
            u_b = s.other[steep][j] * (1 - (a * by_w) * ((w + wa) * by_both));
    const T crossed = b * (a * at_a) + a * (b * at_b);
    const T bent = t.root * (t.root * t.both) * (gap * (2 - gap)) * by_root_det *
                   (crossed * by_w / (w + root_d) - (1 - at_a - at_b));
    const T evens = even_a - even_b;
    const T even_gap = std::max(over_two_pi * (arcs + differ * (u_a - u_b) + bent) - evens * evens / 2, T(0));
    const T both_even = even_a * even_b, full = s.own[root_f] * s.other[root_f][j];
    const T cross = s.own[root_a] * even_b - s.other[root_a][j] * even_a;
    const T linear = cross / 4 * (cross / (full + t.root / 4 + both_even)) + t.root * gap / 4;
    const T to_one =
        (linear + (upper ? even_gap : 2 * both_even - even_gap)) * s.own[inverse_f] * s.other[inverse_f][j];
    const T size = s.own[root_second] * s.other[root_second][j], f = size * (upper ? 1 - to_one : to_one - 1);
    s.now[j] = s.weight * f + s.bias;
    if constexpr (Tangent) {
      const T inverse = t.both * by_root_det, r = std::copysign(1 - gap, s.state[j]);
      const T orthant = T(0.25) + over_two_pi * std::copysign((arc_a + arc_b) / 2 - t.turn, s.state[j]);
      const T d = orthant + r * over_two_pi * inverse * t.root * (at_a + at_b + inverse * inverse);
      s.theta[j] = s.from * f + s.constant + s.weight * d * s.theta[j];
    }
    s.state[j] = next_state<Bias>(to_one, upper, size, s, j);
  }
}

/// As `erf_far_pairs`: the even part of 1 - r from what it is less than.
template <class T, bool Bias, bool Tangent>
void gelu_far_pairs(const Step<T>& s, const T* states, const T* thetas) {
  constexpr T over_two_pi = std::numbers::inv_pi_v<T> / 2;
  for (Index j = 0; j < s.n; ++j) {
    const T fa = s.own[root_f], fb = s.other[root_f][j];
    if (std::max(fa, fb) <= T(far) * std::min(fa, fb)) continue;
    const T gap = std::abs(states[j]), both = s.own[inverse_a] * s.other[inverse_a][j];
    const bool upper = positive(states[j]);
    const T at_a = s.own[inverse_a] * s.own[inverse_a], at_b = s.other[inverse_a][j] * s.other[inverse_a][j];
    const T det = determinant(s.own[all_a], s.other[all_a][j], s.own[inverse_a], s.other[inverse_a][j], gap);
    const T sa = s.own[root_a], sb = s.other[root_a][j], root = sa * sb, root_det = std::sqrt(det);
    const T turned = std::atan2(root * both * (1 - gap), root_det), even_a = s.own[root_even],
            even_b = s.other[root_even][j];
    const T even =
        over_two_pi * root *
        ((1 - gap) * turned + root * both / root_det * (gap * (2 - gap) + (1 - gap) * (1 - gap) * (at_a + at_b)));
    const T both_even = even_a * even_b, full = fa * fb, cross = sa * even_b - sb * even_a;
    const T linear = cross / 4 * (cross / (full + root / 4 + both_even)) + root * gap / 4;
    const T to_one = (linear + (upper ? std::max(both_even - even, T(0)) : both_even + even)) / full;
    const T size = s.own[root_second] * s.other[root_second][j], f = size * (upper ? 1 - to_one : to_one - 1);
    s.now[j] = s.weight * f + s.bias;
    if constexpr (Tangent) {
      const T inverse = both / root_det, r = std::copysign(1 - gap, states[j]);
      const T d = T(0.25) + over_two_pi * std::copysign(turned, states[j]) +
                  r * over_two_pi * inverse * root * (at_a + at_b + inverse * inverse);
      s.theta[j] = s.from * f + s.constant + s.weight * d * thetas[j];
    }
    s.state[j] = next_state<Bias>(to_one, upper, size, s, j);
  }
}

template <class T, bool Odd, bool Bias, bool Tangent>
DEEPRMT_LEAF void wave_row(const Step<T>* step) {
  const Step<T> s = *step;
  DEEPRMT_APART
  for (Index j = 0; j < s.n; ++j) {
    const T gap = std::abs(s.state[j]), root = s.own[root_a] * s.other[root_a][j];
    const T apart = s.own[root_a] - s.other[root_a][j], sums = s.own[root_a] + s.other[root_a][j];
    // (a + b) / 2 - |c|, and 1 - e^-x of it, of 2 |c|, of a + b + 2 |c| and of |a - b|
    const T below = one_minus_exp(apart * apart / 2 + root * gap), less = one_minus_exp(2 * root * (1 - gap));
    const T falls = s.own[fall] + s.other[fall][j] - s.own[fall] * s.other[fall][j];
    const T whole = less + (1 - less) * falls, differ = one_minus_exp(std::abs(apart) * sums);
    const T lengths = std::max(s.own[twice_fallen], s.other[twice_fallen][j]) * differ * differ;
    const T odd = (1 - below) * less / 2, even = (1 - below) * (2 - less) / 2;
    const T inverse = s.own[inverse_f] * s.other[inverse_f][j], r = (Odd ? odd : even) * inverse;
    // 1 - r^2: sinh(a) sinh(b) - sinh(c)^2 is sinh((a + b) / 2 + c) sinh((a + b) / 2 - c) - sinh((a - b) / 2)^2.
    const T squares = std::max(whole * below * (2 - below) + (Odd ? -lengths : lengths), T(0)) / 4;
    // Of variances of other sizes the difference would cancel, and r is known to rounding.
    const T plain = std::max(1 - r, T(0)), small = squares * inverse * inverse / (1 + r);
    const T least = r < T(0.5) ? plain : small, apart_by = Odd ? lengths * inverse * inverse : T(0);
    const T to_one = apart_by > 4 ? plain : least;
    const T size = s.own[root_second] * s.other[root_second][j];
    const bool upper = !Odd || positive(s.state[j]);
    const T f = upper ? size * (1 - to_one) : size * (to_one - 1);
    s.now[j] = s.weight * f + s.bias;
    if constexpr (Tangent) {
      const T d = Odd ? even : std::copysign(odd, s.state[j]);
      s.theta[j] = s.from * f + s.constant + s.weight * d * s.theta[j];
    }
    if constexpr (Odd)
      s.state[j] = next_state<Bias>(to_one, upper, size, s, j);
    else
      s.state[j] = next_state_of_positive<Bias>(to_one, size, s, j);
  }
}

}  // namespace deeprmt::meanfield
