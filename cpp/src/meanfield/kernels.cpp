#include "deeprmt/meanfield/kernels.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>
#include <utility>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/exponential.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "kernel_series.hpp"
#include "piecewise_kernel.hpp"

// The arrays of the next loop do not overlap: there are too many for the compiler to compare all pairs before it.
#if defined(__clang__)
#define DEEPRMT_APART _Pragma("clang loop vectorize(assume_safety)")
#else
#define DEEPRMT_APART _Pragma("GCC ivdep")
#endif

namespace deeprmt::meanfield {
namespace {

using Kind = KernelNetwork::Kind;
constexpr Index side = 256;        // of a tile
constexpr double near = 1.0 / 64;  // below, 1 - |r| of the first layer is computed from differences
constexpr int values = 13;         // at most, that are kept of each input in each layer

// ---- functions of t = sin(angle / 2)^2 <= 1/2: polynomials through Chebyshev points, to rounding ----

/// c[0] + c[1] t + ... Written out by the template: a loop of more than 16 steps GCC leaves a loop, and then it does
/// not vectorise the one around it.
template <class T, std::size_t N>
DEEPRMT_LEAF T polynomial(const T (&c)[N], T t) {
  T y = c[N - 1];
  [&]<std::size_t... I>(std::index_sequence<I...>)
      __attribute__((always_inline)) { ((y = y * t + c[N - 2 - I]), ...); }(std::make_index_sequence<N - 1>());
  return y;
}

/// angle = 2 sqrt(t) arcsine(t).
DEEPRMT_LEAF float arcsine(float t) {
  constexpr float c[] = {1.0f,         0.166666142f,  0.0750275732f, 0.0440916167f, 0.0358142393f, -0.00702057915f,
                         0.107400021f, -0.135916271f, 0.123913495f};
  return polynomial(c, t);
}
DEEPRMT_LEAF double arcsine(double t) {
  constexpr double c[] = {1.0,
                          0.16666666666664987,
                          0.075000000004018161,
                          0.044642856762615003,
                          0.030381963396751829,
                          0.022371584779320353,
                          0.017364281439103528,
                          0.01380344589589198,
                          0.013191002571753904,
                          -0.0026015378482996879,
                          0.078716113570021266,
                          -0.29687054306898243,
                          1.0082016650534187,
                          -2.4908808126226117,
                          4.6420689099888434,
                          -6.2292998753979858,
                          5.7579408313146987,
                          -3.2789331567398123,
                          0.8892904367638688};
  return polynomial(c, t);
}

/// sin(angle) - angle cos(angle) = 2 t^(3/2) excess(t).
DEEPRMT_LEAF float excess(float t) {
  constexpr float c[] = {1.33333333f,    0.133333819f,  0.0428370909f,  0.0201522307f,
                         0.00872780597f, 0.0159874239f, -0.0139987942f, 0.0203076094f};
  return polynomial(c, t);
}
DEEPRMT_LEAF double excess(double t) {
  constexpr double c[] = {1.3333333333333334,    0.13333333333328916,    0.042857142865590066,  0.019841269203867231,
                          0.011048005024307382,  0.0068831378889014358,  0.0046368778835806531, 0.0031829746860673445,
                          0.0032305485385125583, -0.0026641144368541922, 0.020343648475703774,  -0.056963718430438925,
                          0.1315713921325892,    -0.20816551373954099,   0.22731526244991159,   -0.15024775029896301,
                          0.048024684583423057};
  return polynomial(c, t);
}

/// exp(y) for y <= 0.
DEEPRMT_LEAF float exp_of(float y) { return exp_negative(std::max(y, -87.0f)); }
DEEPRMT_LEAF double exp_of(double y) { return exp_negative(std::max(y, -708.0)); }

/// (exp(y) - 1) / y, |y| <= 1/4. Its coefficients are constants, and no division is left.
DEEPRMT_LEAF float series_of(float y) {
  constexpr float c[] = {1.0f, 1.0f / 2, 1.0f / 6, 1.0f / 24, 1.0f / 120, 1.0f / 720, 1.0f / 5040};
  return polynomial(c, y);
}
DEEPRMT_LEAF double series_of(double y) {
  constexpr double c[] = {
      1.0,         1.0 / 2,      1.0 / 6,       1.0 / 24,       1.0 / 120,       1.0 / 720,       1.0 / 5040,
      1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
  return polynomial(c, y);
}

/// 1 - exp(-x), x >= 0.
template <class T>
DEEPRMT_LEAF T one_minus_exp(T x) {
  const T z = std::min(x, T(0.25));
  return x < T(0.25) ? z * series_of(-z) : 1 - exp_of(-x);
}

// ---- one layer of one row of pairs ----

/// Rows of n pairs with one input (`own`) in common, and where the numbers of the others stand.
template <class T>
struct Step {
  Index n;
  T* state;  // 1 - |r|, with the sign of r: in and out
  T* now;    // K: out
  T* theta;  // in and out; null if not wanted
  T own[values];
  const T* other[values];
  T weight, bias, from, constant;
  T first, second;  // of the activation
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

int count_of(Kind kind) {
  switch (kind) {
    case Kind::erf:
    case Kind::bell:
      return all_a + 1;
    case Kind::gelu:
      return values;
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

/// arcsin(x) where 1 - x^2 = left.
template <class T>
DEEPRMT_LEAF T arcsine_of(T x, T left) {
  const T size = std::min(std::abs(x), T(1)), square = size * size;
  const bool small = square <= T(0.5);
  const T t = small ? square : left / (2 * (1 + size));
  const T half = std::sqrt(t) * arcsine(t);
  return std::copysign(small ? half : std::numbers::pi_v<T> / 2 - 2 * half, x);
}

template <class T>
DEEPRMT_LEAF T state_of(T r) {
  return std::copysign(std::max(1 - std::abs(r), T(0)), r);
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

constexpr double far = 3.7;  // of roots of F: beyond, differences of what is twice the variances lose a digit

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
      const T d = std::copysign(at_one * (1 - gap) * both * (both / (det * std::sqrt(det))), s.state[j]);
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

// ---- series: correlations by columns of a strip, in passes that stay in the first cache ----

/// What is precomputed for max(h, 0)^order: its kernel is p(cos) (pi - angle) + q(cos) sin up to pi / 2, and beyond
/// sin^(2 order + 1) tail(t), all over the value at 0. One less it is, up to pi / 2, (1 - cos) times a series in the
/// angle.
struct Power {
  std::vector<double> p, q, tail, gap;
};

/// Coefficients of the Chebyshev series through values at cos(pi (k + 1/2) / n).
std::vector<double> chebyshev(const std::vector<double>& at) {
  const std::size_t count = at.size();
  std::vector<double> out(count);
  for (std::size_t d = 0; d < count; ++d) {
    double sum = 0;
    for (std::size_t k = 0; k < count; ++k)
      sum += at[k] * std::cos(std::numbers::pi * static_cast<double>(d) * (static_cast<double>(k) + 0.5) /
                              static_cast<double>(count));
    out[d] = sum * (d == 0 ? 1.0 : 2.0) / static_cast<double>(count);
  }
  return out;
}

/// The integral of f over [0, end], by panels of 8 Gauss points.
template <class F>
double integral(double end, int panels, const F& f) {
  constexpr double nodes[] = {0.18343464249564980, 0.52553240991632899, 0.79666647741362674, 0.96028985649753623};
  constexpr double weights[] = {0.36268378337836198, 0.31370664587788729, 0.22238103445337447, 0.10122853629037626};
  const double half = end / (2 * panels);
  double sum = 0;
  for (int panel = 0; panel < panels; ++panel)
    for (int g = 0; g < 4; ++g)
      for (const double side_of : {-1.0, 1.0})
        sum += half * weights[g] * f((2 * panel + 1) * half + side_of * half * nodes[g]);
  return sum;
}

Power power(int order) {
  // By the recursion that differentiating the definition gives; the last but one is the slope of the last in the
  // cosine.
  std::vector<double> p{1}, q{0};
  const auto shifted = [](const std::vector<double>& c, double factor) {  // times factor x
    std::vector<double> out(c.size() + 1);
    for (std::size_t i = 0; i < c.size(); ++i) out[i + 1] = factor * c[i];
    return out;
  };
  const auto turned = [](const std::vector<double>& c) {  // (1 - x^2) c'
    std::vector<double> out(c.size() + 1);
    for (std::size_t i = 1; i < c.size(); ++i) {
      const double slope = static_cast<double>(i) * c[i];
      out[i - 1] += slope;
      out[i + 1] -= slope;
    }
    return out;
  };
  double at_zero = std::numbers::pi;
  std::vector<double> slope_p, slope_q;
  for (int n = 0; n < order; ++n) {
    slope_p = p, slope_q = q;
    std::vector<double> next_p = turned(p), next_q = turned(q);
    const std::vector<double> more_p = shifted(p, 2 * n + 1), more_q = shifted(q, 2 * n);
    for (std::size_t i = 0; i < next_p.size(); ++i) next_p[i] += more_p[i];
    for (std::size_t i = 0; i < next_q.size(); ++i) next_q[i] += more_q[i] + (i < p.size() ? p[i] : 0);
    p = next_p, q = next_q;
    at_zero *= 2 * n + 1;
  }
  Power out{p, q, {}, {}};
  for (double& c : out.p) c /= at_zero;
  for (double& c : out.q) c /= at_zero;
  // J(pi - a) = n! sin(a)^(2 n + 1) int_0^(pi / 2) cos(y)^n / (1 + cos(a) cos(y))^(n + 1) dy.
  constexpr int count = 26;
  std::vector<double> at(count);
  double factorial = 1;
  for (int i = 2; i <= order; ++i) factorial *= i;
  for (int k = 0; k < count; ++k) {
    const double t = (1 + std::cos(std::numbers::pi * (k + 0.5) / count)) / 4, cosine = 1 - 2 * t;
    at[k] = factorial / at_zero * integral(std::numbers::pi / 2, 16, [&](double y) {
              const double c = std::cos(y);
              return std::pow(c / (1 + cosine * c), order) / (1 + cosine * c);
            });
  }
  out.tail = chebyshev(at);  // in 4 t - 1
  if (order == 0) return out;
  // J(0) - J(a) = n^2 times the integral of J_(n-1) sin from 0 to a.
  at.resize(32);
  const auto horner = [](const std::vector<double>& c, double x) {
    double sum = 0;
    for (std::size_t i = c.size(); i-- > 0;) sum = sum * x + c[i];
    return sum;
  };
  for (std::size_t k = 0; k < at.size(); ++k) {
    const double angle =
        std::numbers::pi / 4 *
        (1 + std::cos(std::numbers::pi * (static_cast<double>(k) + 0.5) / static_cast<double>(at.size())));
    const double sine = std::sin(angle / 2);
    at[k] = order * order / at_zero / (2 * sine * sine) * integral(angle, 4, [&](double y) {
              const double c = std::cos(y);
              return (horner(slope_p, c) * (std::numbers::pi - y) + horner(slope_q, c) * std::sin(y)) * std::sin(y);
            });
  }
  out.gap = chebyshev(at);  // in 4 angle / pi - 1
  return out;
}

/// b0 <- c + x b1 - b0 for a strip: a step of Clenshaw's recursion, x twice the argument.
template <class T>
DEEPRMT_LEAF void clenshaw_pass(const T* x, const T* next, T* last, T c, Index n) {
  for (Index j = 0; j < n; ++j) last[j] = c + x[j] * next[j] - last[j];
}
template <class T>
DEEPRMT_LEAF void horner_pass(const T* x, T* sum, T c, Index n) {
  for (Index j = 0; j < n; ++j) sum[j] = sum[j] * x[j] + c;
}

/// Room for one thread: strips of `side` entries.
template <class T>
struct Strips {
  T a[side], b[side], c[side], x[side], y[side], f[side], d[side];
};

template <class T>
void series(const std::vector<double>& c, const T* twice_x, T* out, T* spare, Index n) {
  std::fill_n(out, n, T(0));
  std::fill_n(spare, n, T(0));
  T *now = out, *last = spare;
  for (std::size_t d = c.size(); d-- > 1;) {
    clones<clenshaw_pass<T>>(twice_x, now, last, static_cast<T>(c[d]), n);
    std::swap(now, last);
  }
  for (Index j = 0; j < n; ++j) out[j] = static_cast<T>(c[0]) + twice_x[j] / 2 * now[j] - last[j];
}

template <class T>
DEEPRMT_LEAF void angle_pass(const T* state, T* angle, T* t, Index n) {  // the acute one
  for (Index j = 0; j < n; ++j) {
    t[j] = std::abs(state[j]) / 2;
    angle[j] = 2 * std::sqrt(t[j]) * arcsine(t[j]);
  }
}

/// The normalised kernel of max(h, 0)^order, or with `gap` 1 less it.
template <class T>
void power_pass(const Power& with, int order, bool gap, const T* state, T* out, Strips<T>& s, Index n) {
  clones<angle_pass<T>>(state, s.a, s.b, n);
  if (gap) {
    for (Index j = 0; j < n; ++j) s.x[j] = 2 * (s.a[j] * (4 * std::numbers::inv_pi_v<T>)-1);
    series(with.gap, s.x, s.d, s.c, n);
  }
  for (Index j = 0; j < n; ++j) s.c[j] = 1 - 2 * s.b[j];
  std::fill_n(s.x, n, T(0));
  std::fill_n(s.y, n, T(0));
  for (std::size_t i = with.p.size(); i-- > 0;) clones<horner_pass<T>>(s.c, s.x, static_cast<T>(with.p[i]), n);
  for (std::size_t i = with.q.size(); i-- > 0;) clones<horner_pass<T>>(s.c, s.y, static_cast<T>(with.q[i]), n);
  for (Index j = 0; j < n; ++j) {
    const T sine = 2 * std::sqrt(s.b[j] * (1 - s.b[j]));
    s.x[j] = s.x[j] * (std::numbers::pi_v<T> - s.a[j]) + s.y[j] * sine;
    s.a[j] = sine;
    s.b[j] = 2 * (4 * s.b[j] - 1);
  }
  series(with.tail, s.b, s.y, s.c, n);
  for (Index j = 0; j < n; ++j) {
    T tail = s.a[j] * s.y[j];
    for (int i = 0; i < order; ++i) tail *= s.a[j] * s.a[j];
    const T r = positive(state[j]) ? s.x[j] : tail;
    out[j] = !gap ? r : positive(state[j]) && state[j] < T(0.25) ? s.d[j] * state[j] : 1 - r;
  }
}

/// What a strip of gaps is less than one from: r itself, or |r| where the activation is odd.
enum class Parity { odd, none, even };

/// The layer from strips of 1 - r (for odd activations 1 - |r|) and, if wanted, the correlations d of phi'.
template <class T, bool Bias, Parity P>
DEEPRMT_LEAF void gap_row(const Step<T>* step, const T* gaps, const T* d) {
  const Step<T> s = *step;
  DEEPRMT_APART
  for (Index j = 0; j < s.n; ++j) {
    const T size = s.own[root_second] * s.other[root_second][j], gap = gaps[j];
    const bool upper = P != Parity::odd || positive(s.state[j]);
    const T f = upper ? size * (1 - gap) : size * (gap - 1);
    s.now[j] = s.weight * f + s.bias;
    if (s.theta) {
      T slope = s.own[root_slope] * s.other[root_slope][j] * d[j];
      if constexpr (P == Parity::even) slope = std::copysign(T(1), s.state[j]) * slope;
      s.theta[j] = s.from * f + s.constant + s.weight * slope * s.theta[j];
    }
    s.state[j] = next_state<Bias>(gap, upper, size, s, j);
  }
}

/// Twice the argument of the series: of the angle over [0, pi], or for even and odd activations the acute over [0,
/// pi/2].
template <class T>
DEEPRMT_LEAF void chebyshev_argument(const T* state, T* twice_x, bool acute, Index n) {
  for (Index j = 0; j < n; ++j) {
    const T t = std::abs(state[j]) / 2, part = 2 * std::sqrt(t) * arcsine(t) * std::numbers::inv_pi_v<T>;
    twice_x[j] = acute ? 2 * (4 * part - 1) : 2 * (positive(state[j]) ? 2 * part - 1 : 1 - 2 * part);
  }
}

// ---- the first layer ----

template <class T>
DEEPRMT_LEAF Index first_states(const T* r, T* state, Index n) {
  Index close = 0;
  for (Index j = 0; j < n; ++j) {
    state[j] = std::copysign(std::max(1 - std::abs(r[j]), T(0)), r[j]);
    close += std::abs(state[j]) < T(near);
  }
  return close;
}

template <class T>
DEEPRMT_LEAF T half_square_distance(const T* x, const T* y, T sign, Index n) {
  T sums[16] = {};
  const Index whole = n / 16 * 16;
  for (Index i = 0; i < whole; i += 16)
    for (int l = 0; l < 16; ++l) {
      const T difference = x[i + l] - sign * y[i + l];
      sums[l] += difference * difference;
    }
  for (Index i = whole; i < n; ++i) {
    const T difference = x[i] - sign * y[i];
    sums[0] += difference * difference;
  }
  T total = 0;
  for (const T sum : sums) total += sum;
  return total / 2;
}

// ---- the whole ----

template <class T>
using Numbers = std::vector<Mat<T>>;  // by layer: (values, inputs)

/// Below this variance the smooth closed forms take it for this: there they are lines, and squares do not underflow.
template <class T>
constexpr double floor_of = sizeof(T) == 4 ? 1e-8 : 1e-30;

template <class T>
Numbers<T> numbers(const KernelDiagonals& of, const KernelNetwork& net) {
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

template <class T>
void transpose_into(const T* from, Index ld_from, T* to, Index ld_to, Index rows, Index cols) {
  constexpr Index block = 16;
  for (Index r = 0; r < rows; r += block)
    for (Index c = 0; c < cols; c += block)
      for (Index j = c; j < std::min(cols, c + block); ++j)
        for (Index i = r; i < std::min(rows, r + block); ++i) to[j * ld_to + i] = from[i * ld_from + j];
}

template <class T>
void product(MatIn<T> x, MatIn<T> y, T alpha, Mat<T>& out) {  // alpha x y^T
  const int rows = static_cast<int>(x.rows()), cols = static_cast<int>(y.rows()), depth = blas::narrow(x.cols()),
            ldx = blas::narrow(std::max<Index>(x.outerStride(), 1)),
            ldy = blas::narrow(std::max<Index>(y.outerStride(), 1)), ld = static_cast<int>(out.cols());
  const T zero = 0;
  blas::call<T>(blas::Routine::gemm, "T", "N", &cols, &rows, &depth, &alpha, y.data(), &ldy, x.data(), &ldx, &zero,
                out.data(), &ld);
}

template <class T>
class Task {
 public:
  Task(MatIn<T> x_units, MatIn<T> y_units, MatIn<T> x, MatIn<T> y, const KernelDiagonals& of_x,
       const KernelDiagonals& of_y, const KernelNetwork& net, bool symmetric, MatOut<T> k, MatOut<T> theta)
      : x_units_(x_units),
        y_units_(y_units),
        x_(x),
        y_(y),
        net_(net),
        symmetric_(symmetric),
        k_(k),
        theta_(theta),
        layers_(static_cast<Index>(net.from_inputs.size())),
        from_products_(net.from_inputs[0] != net.weight || net.constants[0] != net.bias) {
    for (Index i = 0; i < of_x.variances.cols(); ++i) first_x_.push_back(std::sqrt(of_x.variances(0, i)));
    for (Index i = 0; i < of_y.variances.cols(); ++i) first_y_.push_back(std::sqrt(of_y.variances(0, i)));
    of_x_ = numbers<T>(of_x, net);
    if (!symmetric) of_y_ = numbers<T>(of_y, net);
    for (Index l = 0; (net.kind == Kind::erf || net.kind == Kind::gelu) && l + 1 < layers_; ++l) {
      T least = std::numeric_limits<T>::max(), most = 0;
      for (const auto* layer : {&of_x_[l], symmetric ? nullptr : &of_y_[l]}) {
        if (!layer) continue;
        least = std::min(least, layer->row(root_f).minCoeff()), most = std::max(most, layer->row(root_f).maxCoeff());
      }
      apart_.push_back(most > T(far) * least);
    }
    if (net.kind == Kind::power) {
      powers_ = {power(net.order), power(net.order - 1)};
    }
    if (net.kind == Kind::table) {
      for (const auto& layer : of_x_) x_logs_.push_back(layer.row(log_a).data());
      for (const auto& layer : symmetric ? of_x_ : of_y_) y_logs_.push_back(layer.row(log_a).data());
    }
    if (net.kind == Kind::pieces) pieces_ = std::make_unique<PieceLayers<T>>(net, of_x, symmetric ? of_x : of_y);
    const double p = (net.above - net.below) * (net.above - net.below) / 2,
                 whole = (net.above * net.above + net.below * net.below) / 2;
    share_ = whole > 0 ? p / whole : 0;
    slope_ = whole;
  }

  void tile(Index top, Index left) const {
    const Index n = x_units_.rows(), m = y_units_.rows(), rows = std::min(side, n - top),
                cols = std::min(side, m - left);
    const bool diagonal = symmetric_ && top == left, tangent = theta_.size() > 0;
    Mat<T> r(side, side), products;
    product<T>(x_units_.middleRows(top, rows), y_units_.middleRows(left, cols), 1, r);
    if (tangent && from_products_) {
      products.resize(side, side);
      product<T>(x_.middleRows(top, rows), y_.middleRows(left, cols),
                 static_cast<T>(1.0 / static_cast<double>(x_.cols())), products);
    }
    const auto strips = std::make_unique<Strips<T>>();
    const auto room = pieces_ ? pieces_->room() : nullptr;
    const bool table = net_.kind == Kind::table;
    TileSeries<T> series(net_, table ? layers_ - 1 : 0, side, tangent);
    series.place(top, rows, left, cols, x_logs_, y_logs_);
    // Series take a few rows at once.
    const Index group = table ? series_rows : 1;
    Mat<T> state = Mat<T>::Zero(group, side), now = state, theta = state, gap, d, twice_x;
    for (auto* each : {&gap, &d, &twice_x}) *each = Mat<T>::Zero(group, table ? side : 0);
    for (Index above = top; above < top + rows; above += group) {
      check_interrupt();
      const Index below = std::min(above + group, top + rows);
      // On the diagonal of tiles from the diagonal on; series from the block on that has it.
      const Index past = !diagonal ? 0 : table ? (above - top) / series_block<T> * series_block<T> : above - top;
      const Index begin = left + past, width = cols - past;
      for (Index i = above; i < below; ++i) {
        const T* correlations = r.data() + (i - top) * side + past;
        T *own_now = now.row(i - above).data(), *own_theta = theta.row(i - above).data();
        first(i, begin, width, correlations, state.row(i - above).data(), own_now);
        if (tangent && from_products_) {
          const T* product = products.data() + (i - top) * side + past;
          for (Index j = 0; j < width; ++j)
            own_theta[j] = static_cast<T>(net_.from_inputs[0]) * product[j] + static_cast<T>(net_.constants[0]);
        } else if (tangent) {
          std::copy_n(own_now, width, own_theta);
        }
      }
      for (Index l = 0;; ++l) {
        for (Index i = above; i < below; ++i)
          keep(l, i, begin, width, now.row(i - above).data(), theta.row(i - above).data());
        if (l + 1 == layers_) break;
        if (table) {
          if (!net_.tables[l].hermite)
            for (Index k = 0; k < below - above; ++k)
              clones<chebyshev_argument<T>>(state.row(k).data(), twice_x.row(k).data(), net_.order != 0, width);
          series.pass(l, above - top, past, width,
                      {below - above, side, state.data(), twice_x.data(), gap.data(), tangent ? d.data() : nullptr});
        }
        for (Index i = above; i < below; ++i) {
          const Index k = i - above;
          const Step<T> step = step_of(l, i, begin, width, state.row(k).data(), now.row(k).data(),
                                       tangent ? theta.row(k).data() : nullptr);
          table ? table_layer(step, gap.row(k).data(), d.row(k).data()) : layer(l, i, begin, step, *strips, room.get());
          if (diagonal) state(k, i - top - past) = 0;  // an input and itself
        }
      }
    }
    if (!symmetric_) return;
    for (const MatOut<T>* out : {&k_, &theta_}) {
      if (out->size() == 0) continue;
      for (Index block = 0; block < out->rows(); block += n) {
        T* data = const_cast<T*>(out->data()) + block * m;
        if (diagonal) {
          for (Index i = 0; i < rows; ++i)
            for (Index j = 0; j < i; ++j) data[(top + i) * m + left + j] = data[(left + j) * m + top + i];
        } else {
          transpose_into(data + top * m + left, m, data + left * m + top, m, rows, cols);
        }
      }
    }
  }

 private:
  void first(Index i, Index begin, Index width, const T* r, T* state, T* now) const {
    if (clones<first_states<T>>(r, state, width) > 0) {
      const T* own = x_units_.data() + i * x_units_.outerStride();
      for (Index j = 0; j < width; ++j)
        if (std::abs(state[j]) < T(near)) {
          const T sign = std::copysign(T(1), state[j]);
          const T* other = y_units_.data() + (begin + j) * y_units_.outerStride();
          state[j] = sign * std::min(clones<half_square_distance<T>>(own, other, sign, x_units_.cols()), T(1));
        }
    }
    const T root = static_cast<T>(first_x_[i]);
    for (Index j = 0; j < width; ++j)
      now[j] = root * static_cast<T>(first_y_[begin + j]) * std::copysign(1 - std::abs(state[j]), state[j]);
  }

  void keep(Index l, Index i, Index begin, Index width, const T* now, const T* theta) const {
    const Index n = x_units_.rows(), m = y_units_.rows();
    for (const auto& [out, row] : {std::pair{&k_, now}, std::pair{&theta_, theta}}) {
      if (out->size() == 0) continue;
      const bool all = out->rows() > n || layers_ == 1;
      if (!all && l + 1 < layers_) continue;
      std::copy_n(row, width, const_cast<T*>(out->data()) + ((all ? l * n : 0) + i) * m + begin);
    }
  }

  Step<T> step_of(Index l, Index i, Index begin, Index width, T* state, T* now, T* theta) const {
    Step<T> s;
    s.n = width, s.state = state, s.now = now, s.theta = theta;
    const auto& others = symmetric_ ? of_x_[l] : of_y_[l];
    for (int v = 0; v < count_of(net_.kind); ++v) {
      s.own[v] = of_x_[l](v, i);
      s.other[v] = others.data() + v * others.cols() + begin;
    }
    s.weight = static_cast<T>(net_.weight), s.bias = static_cast<T>(net_.bias);
    s.from = static_cast<T>(net_.from_inputs[l + 1]), s.constant = static_cast<T>(net_.constants[l + 1]);
    return s;
  }

  void layer(Index l, Index i, Index begin, Step<T> s, Strips<T>& strips, typename PieceLayers<T>::Room* room) const {
    const Index width = s.n;
    T *const state = s.state, *const theta = s.theta;
    const bool bias = net_.bias > 0;
    const auto choose = [&](auto row) {
      bias ? (theta ? row.template operator()<true, true>() : row.template operator()<true, false>())
           : (theta ? row.template operator()<false, true>() : row.template operator()<false, false>());
    };
    if (!apart_.empty() && apart_[l]) {
      std::copy_n(state, width, strips.a);
      if (theta) std::copy_n(theta, width, strips.b);
    }
    switch (net_.kind) {
      case Kind::ramp:
        s.first = static_cast<T>(share_), s.second = static_cast<T>(slope_);
        choose([&]<bool B, bool D>() { clones<ramp_row<T, B, D>>(&s); });
        break;
      case Kind::step:
        choose([&]<bool B, bool D>() { clones<step_row<T, false, B, D>>(&s); });
        if (l == 0 && !bias) beside_zeros(i, begin, s);
        break;
      case Kind::sign:
        choose([&]<bool B, bool D>() { clones<step_row<T, true, B, D>>(&s); });
        break;
      case Kind::square:
        choose([&]<bool B, bool D>() { clones<monomial_row<T, false, B, D>>(&s); });
        break;
      case Kind::cube:
        choose([&]<bool B, bool D>() { clones<monomial_row<T, true, B, D>>(&s); });
        break;
      case Kind::bell:
        choose([&]<bool B, bool D>() { clones<bell_row<T, B, D>>(&s); });
        break;
      case Kind::erf:
        s.first = static_cast<T>(net_.above);
        choose([&]<bool B, bool D>() { clones<erf_row<T, B, D>>(&s); });
        if (apart_[l]) choose([&]<bool B, bool D>() { erf_far_pairs<T, B, D>(s, strips.a, strips.b); });
        break;
      case Kind::gelu:
        choose([&]<bool B, bool D>() { clones<gelu_row<T, B, D>>(&s); });
        if (apart_[l]) choose([&]<bool B, bool D>() { gelu_far_pairs<T, B, D>(s, strips.a, strips.b); });
        break;
      case Kind::sine:
        choose([&]<bool B, bool D>() { clones<wave_row<T, true, B, D>>(&s); });
        break;
      case Kind::cosine:
        choose([&]<bool B, bool D>() { clones<wave_row<T, false, B, D>>(&s); });
        break;
      case Kind::power:
        power_pass(powers_[0], net_.order, true, state, strips.f, strips, width);
        if (theta) power_pass(powers_[1], net_.order - 1, false, state, strips.d, strips, width);
        gaps<Parity::none>(bias, s, strips.f, strips.d);
        break;
      case Kind::pieces:
        pieces_->row(l, i, begin, s.n, s.state, strips.f, strips.d, *room);
        table_layer(s, strips.f, strips.d);
        break;
      case Kind::table:
        break;  // table_layer
    }
  }

  void table_layer(const Step<T>& s, const T* gap, const T* d) const {
    const bool bias = net_.bias > 0;
    net_.order < 0   ? gaps<Parity::odd>(bias, s, gap, d)
    : net_.order > 0 ? gaps<Parity::even>(bias, s, gap, d)
                     : gaps<Parity::none>(bias, s, gap, d);
  }

  /// An input of zeros has the feature phi(0) and no angle. That of the step may be 1/2, beside a mean of 1/2 and a
  /// second moment of 1/2 of all others.
  void beside_zeros(Index i, Index begin, const Step<T>& s) const {
    const T r = std::numbers::sqrt2_v<T> / 2;
    const bool zero = first_x_[i] == 0;
    for (Index j = 0; j < s.n; ++j) {
      if ((first_y_[begin + j] == 0) == zero) continue;
      const T f = s.own[root_second] * s.other[root_second][j] * r;
      s.state[j] = 1 - r;
      s.now[j] = s.weight * f;
      if (s.theta) s.theta[j] = s.from * f + s.constant;
    }
  }

  template <Parity P>
  static void gaps(bool bias, const Step<T>& s, const T* gap, const T* d) {
    bias ? clones<gap_row<T, true, P>>(&s, gap, d) : clones<gap_row<T, false, P>>(&s, gap, d);
  }

  MatIn<T> x_units_, y_units_, x_, y_;
  const KernelNetwork& net_;
  bool symmetric_;
  MatOut<T> k_, theta_;
  Index layers_;
  bool from_products_;
  std::vector<double> first_x_, first_y_;
  Numbers<T> of_x_, of_y_;
  std::vector<bool> apart_;  // of erf and gelu, by layer: whether some inputs have variances of other sizes
  std::vector<Power> powers_;
  std::vector<const T*> x_logs_, y_logs_;  // of tables
  std::unique_ptr<PieceLayers<T>> pieces_;
  double share_ = 0, slope_ = 0;
};

}  // namespace

template <class T>
void infinite_kernels(MatIn<T> x_units, MatIn<T> y_units, MatIn<T> x, MatIn<T> y, const KernelDiagonals& of_x,
                      const KernelDiagonals& of_y, const KernelNetwork& network, bool symmetric, MatOut<T> k,
                      MatOut<T> theta, int threads) {
  const Index n = x_units.rows(), m = y_units.rows(), layers = static_cast<Index>(network.from_inputs.size());
  check::that(x_units.cols() == y_units.cols(), "infinite_kernels: x_units and y_units must be of one width, got ",
              x_units.cols(), " and ", y_units.cols());
  check::that(static_cast<Index>(network.constants.size()) == layers && layers > 0,
              "infinite_kernels: constants must be those of ", layers, " layers, got ", network.constants.size());
  check::that(!symmetric || n == m, "infinite_kernels: a symmetric kernel must be square, got ", n, " x ", m);
  for (const auto& [of, count] : {std::pair{&of_x, n}, std::pair{&of_y, m}}) {
    check::shape("infinite_kernels", "variances", of->variances, layers, count);
    check::shape("infinite_kernels", "seconds", of->seconds, layers - 1, count);
    check::shape("infinite_kernels", "slopes", of->slopes, layers - 1, count);
  }
  for (const MatOut<T>* out : {&k, &theta}) {
    check::that(out->size() == 0 || (out->cols() == m && (out->rows() == n || out->rows() == layers * n)),
                "infinite_kernels: an output must have shape (", n, ", ", m, ") or that of all layers, got (",
                out->rows(), ", ", out->cols(), ")");
    check::that(out->size() == 0 || out->outerStride() == m, "infinite_kernels: an output must be contiguous");
  }
  if (network.kind == Kind::table) {
    check::that(static_cast<Index>(network.tables.size()) == layers - 1,
                "infinite_kernels: there must be a table for each of ", layers - 1, " layers, got ",
                network.tables.size());
    for (const auto& table : network.tables) {
      const Index p = table.x_weights.rows();
      check::shape("infinite_kernels", "x_weights", table.x_weights, p, n);
      check::shape("infinite_kernels", "y_weights", table.y_weights, p, m);
      for (const auto* terms : {&table.gap, &table.apart, &table.d}) {
        const Index count = terms->ends.empty() ? 0 : terms->ends.back();
        check::that(
            std::is_sorted(terms->ends.begin(), terms->ends.end()) && (terms->ends.empty() || terms->ends.front() >= 0),
            "infinite_kernels: ends of terms must ascend");
        check::shape("infinite_kernels", "left", terms->left, count, p);
        check::shape("infinite_kernels", "right", terms->right, count, p);
      }
      check::that(!table.gap.ends.empty() && (table.hermite || theta.size() == 0 || !table.d.ends.empty()),
                  "infinite_kernels: a table must have terms");
      check::that(!table.hermite || table.gap.ends.back() == static_cast<Index>(table.gap.ends.size()),
                  "infinite_kernels: a Hermite series must have one product a degree");
    }
  }
  if (network.kind == Kind::pieces) {
    const auto& pieces = network.pieces;
    check::that(pieces.kinks.size() == pieces.bends.size() && pieces.kinks.size() <= KernelNetwork::Pieces::most,
                "infinite_kernels: there must be a bend for each of at most ", KernelNetwork::Pieces::most,
                " kinks, got ", pieces.bends.size(), " for ", pieces.kinks.size());
    check::that(static_cast<Index>(pieces.apart.size()) == layers - 1,
                "infinite_kernels: there must be a series for each of ", layers - 1, " layers, got ",
                pieces.apart.size());
    for (const auto& apart : pieces.apart)
      check::that(apart.x.size() == n && apart.y.size() == m, "infinite_kernels: there must be ", n, " and ", m,
                  " coordinates of variances, got ", apart.x.size(), " and ", apart.y.size());
  }
  if (n == 0 || m == 0) return;
  const Task<T> task(x_units, y_units, x, y, of_x, of_y, network, symmetric, k, theta);
  const Index down = (n + side - 1) / side, across = (m + side - 1) / side;
  const Index count = symmetric ? down * (down + 1) / 2 : down * across;
  const double work = static_cast<double>(n) * static_cast<double>(m) *
                      (2.0 * static_cast<double>(x_units.cols()) + 100.0 * static_cast<double>(layers));
  parallel_blas_for(count, useful_threads(work, threads), [&](Index piece) {
    Index i = piece / across, j = piece % across;
    if (symmetric) {  // rows of the upper triangle, one after the other
      i = 0;
      while (piece >= down - i) piece -= down - i, ++i;
      j = i + piece;
    }
    task.tile(i * side, j * side);
  });
}

#define DEEPRMT_INSTANTIATE(T)                                                                      \
  template void infinite_kernels<T>(MatIn<T>, MatIn<T>, MatIn<T>, MatIn<T>, const KernelDiagonals&, \
                                    const KernelDiagonals&, const KernelNetwork&, bool, MatOut<T>, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::meanfield
