#include "deeprmt/meanfield/kernels.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
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
constexpr int values = 4;          // that are kept of each input in each layer

// ---- functions of t = sin(angle / 2)^2 <= 1/2: polynomials through Chebyshev points, to rounding ----

/// angle = 2 sqrt(t) arcsine(t).
DEEPRMT_LEAF float arcsine(float t) {
  constexpr float c[] = {1.0f,         0.166666142f,  0.0750275732f, 0.0440916167f, 0.0358142393f, -0.00702057915f,
                         0.107400021f, -0.135916271f, 0.123913495f};
  float y = c[8];
  for (int i = 7; i >= 0; --i) y = y * t + c[i];
  return y;
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
  double y = c[18];
  for (int i = 17; i >= 0; --i) y = y * t + c[i];
  return y;
}

/// sin(angle) - angle cos(angle) = 2 t^(3/2) excess(t).
DEEPRMT_LEAF float excess(float t) {
  constexpr float c[] = {1.33333333f,    0.133333819f,  0.0428370909f,  0.0201522307f,
                         0.00872780597f, 0.0159874239f, -0.0139987942f, 0.0203076094f};
  float y = c[7];
  for (int i = 6; i >= 0; --i) y = y * t + c[i];
  return y;
}
DEEPRMT_LEAF double excess(double t) {
  constexpr double c[] = {1.3333333333333334,    0.13333333333328916,    0.042857142865590066,  0.019841269203867231,
                          0.011048005024307382,  0.0068831378889014358,  0.0046368778835806531, 0.0031829746860673445,
                          0.0032305485385125583, -0.0026641144368541922, 0.020343648475703774,  -0.056963718430438925,
                          0.1315713921325892,    -0.20816551373954099,   0.22731526244991159,   -0.15024775029896301,
                          0.048024684583423057};
  double y = c[16];
  for (int i = 15; i >= 0; --i) y = y * t + c[i];
  return y;
}

/// exp(y) for y <= 0.
DEEPRMT_LEAF float exp_of(float y) {
  y = std::max(y, -87.0f);
  const float shifted = y * 1.44269504f + 0x1.8p23f, n = shifted - 0x1.8p23f;
  const float r = (y - n * 0.693145752f) - n * 1.42860677e-6f;
  float e = 1.0f / 5040;
  e = e * r + 1.0f / 720;
  e = e * r + 1.0f / 120;
  e = e * r + 1.0f / 24;
  e = e * r + 1.0f / 6;
  e = e * r + 0.5f;
  e = e * r + 1.0f;
  e = e * r + 1.0f;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(e) + (std::bit_cast<std::uint32_t>(shifted) << 23));
}
DEEPRMT_LEAF double exp_of(double y) { return exp_negative(std::max(y, -708.0)); }

/// 1 - exp(-x), x >= 0.
template <class T>
DEEPRMT_LEAF T one_minus_exp(T x) {
  const T z = std::min(x, T(0.25));
  T s = T(1) / 14;
  for (int i = 13; i >= 2; --i) s = (1 - z * s) / i;
  return x < T(0.25) ? z * (1 - z * s) : 1 - exp_of(-x);
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

// What the four numbers of an input are, for homogeneous activations and tables: (F, F)^(1/2), the root of the next
// variance and its inverse (0 for 0), (D, D)^(1/2); for others: sqrt(a), 1 / sqrt(1 + a), the inverse as before, a,
// where a is the variance (twice the scale times it for erf).
enum Number { root_second, root_next, inverse_next, root_slope };
enum Smooth { root_a, inverse_a, inverse_b, all_a };

template <class T>
DEEPRMT_LEAF bool positive(T state) {
  return std::copysign(T(1), state) > 0;
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

template <class T, bool Bias, bool Tangent>
DEEPRMT_LEAF void step_row(const Step<T>* step) {
  const Step<T> s = *step;
  DEEPRMT_APART
  for (Index j = 0; j < s.n; ++j) {
    const T t = std::abs(s.state[j]) / 2, part = 2 * std::sqrt(t) * arcsine(t) * std::numbers::inv_pi_v<T>;
    const bool acute = positive(s.state[j]);
    const T size = s.own[root_second] * s.other[root_second][j], r = acute ? 1 - part : part;
    s.state[j] = next_state<Bias>(acute ? part : 1 - part, true, size, s, j);
    s.now[j] = s.weight * size * r + s.bias;
    if constexpr (Tangent) s.theta[j] = s.from * size * r + s.constant;
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

template <class T, bool Tangent>
DEEPRMT_LEAF void erf_row(const Step<T>* step) {
  const Step<T> s = *step;
  DEEPRMT_APART
  for (Index j = 0; j < s.n; ++j) {
    const T gap = std::abs(s.state[j]), r = std::copysign(1 - gap, s.state[j]);
    const T a = s.own[all_a], b = s.other[all_a][j], root = s.own[root_a] * s.other[root_a][j];
    const T inverse = s.own[inverse_a] * s.other[inverse_a][j];
    const T det = determinant(a, b, s.own[inverse_a], s.other[inverse_a][j], gap);
    const T f = std::numbers::inv_pi_v<T> * 2 * arcsine_of(r * root * inverse, det);
    s.now[j] = s.weight * f + s.bias;
    s.state[j] = state_of(s.now[j] * s.own[inverse_b] * s.other[inverse_b][j]);
    if constexpr (Tangent) {
      const T d = s.first * 4 * std::numbers::inv_pi_v<T> * inverse / std::sqrt(det);
      s.theta[j] = s.from * f + s.constant + s.weight * d * s.theta[j];
    }
  }
}

template <class T, bool Tangent>
DEEPRMT_LEAF void gelu_row(const Step<T>* step) {
  const Step<T> s = *step;
  constexpr T over_two_pi = std::numbers::inv_pi_v<T> / 2;
  DEEPRMT_APART
  for (Index j = 0; j < s.n; ++j) {
    const T gap = std::abs(s.state[j]), r = std::copysign(1 - gap, s.state[j]);
    const T a = s.own[all_a], b = s.other[all_a][j], root = s.own[root_a] * s.other[root_a][j];
    const T at_a = s.own[inverse_a] * s.own[inverse_a], at_b = s.other[inverse_a][j] * s.other[inverse_a][j];
    const T both = s.own[inverse_a] * s.other[inverse_a][j];
    const T det = determinant(a, b, s.own[inverse_a], s.other[inverse_a][j], gap);
    const T inverse = both / std::sqrt(det), tilt = over_two_pi * inverse * root;
    const T orthant = T(0.25) + over_two_pi * arcsine_of(r * root * both, det);
    const T f = root * (r * orthant + tilt * (gap * (2 - gap) + r * r * (at_a + at_b)));
    s.now[j] = s.weight * f + s.bias;
    s.state[j] = state_of(s.now[j] * s.own[inverse_b] * s.other[inverse_b][j]);
    if constexpr (Tangent) {
      const T d = orthant + r * tilt * (at_a + at_b + inverse * inverse);
      s.theta[j] = s.from * f + s.constant + s.weight * d * s.theta[j];
    }
  }
}

template <class T, bool Odd, bool Tangent>
DEEPRMT_LEAF void wave_row(const Step<T>* step) {
  const Step<T> s = *step;
  DEEPRMT_APART
  for (Index j = 0; j < s.n; ++j) {
    const T gap = std::abs(s.state[j]), root = s.own[root_a] * s.other[root_a][j];
    const T apart = s.own[root_a] - s.other[root_a][j];
    const T top = exp_of(-(apart * apart / 2 + root * gap)) / 2, less = one_minus_exp(2 * root * (1 - gap));
    const T odd = std::copysign(top * less, s.state[j]), even = top * (2 - less);
    const T f = Odd ? odd : even;
    s.now[j] = s.weight * f + s.bias;
    s.state[j] = state_of(s.now[j] * s.own[inverse_b] * s.other[inverse_b][j]);
    if constexpr (Tangent) s.theta[j] = s.from * f + s.constant + s.weight * (Odd ? even : odd) * s.theta[j];
  }
}

// ---- series: correlations by columns of a strip, in passes that stay in the first cache ----

/// What is precomputed for max(h, 0)^order: its kernel is p(cos) (pi - angle) + q(cos) sin up to pi / 2, and beyond
/// sin^(2 order + 1) tail(t), all over the value at 0.
struct Power {
  std::vector<double> p, q, tail;
};

Power power(int order) {
  // By the recursion that differentiating the definition gives.
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
  for (int n = 0; n < order; ++n) {
    std::vector<double> next_p = turned(p), next_q = turned(q);
    const std::vector<double> more_p = shifted(p, 2 * n + 1), more_q = shifted(q, 2 * n);
    for (std::size_t i = 0; i < next_p.size(); ++i) next_p[i] += more_p[i];
    for (std::size_t i = 0; i < next_q.size(); ++i) next_q[i] += more_q[i] + (i < p.size() ? p[i] : 0);
    p = next_p, q = next_q;
    at_zero *= 2 * n + 1;
  }
  Power out{p, q, {}};
  for (double& c : out.p) c /= at_zero;
  for (double& c : out.q) c /= at_zero;
  // J(pi - a) = n! sin(a)^(2 n + 1) int_0^(pi / 2) cos(y)^n / (1 + cos(a) cos(y))^(n + 1) dy, by the midpoint rule
  // after y = pi/2 tanh-like: the integrand is smooth and even about 0, and Gauss-Legendre panels do.
  constexpr int count = 26;
  std::vector<double> at(count);
  double factorial = 1;
  for (int i = 2; i <= order; ++i) factorial *= i;
  // 16 panels of 8 Gauss points
  constexpr double nodes[] = {0.18343464249564980, 0.52553240991632899, 0.79666647741362674, 0.96028985649753623};
  constexpr double weights[] = {0.36268378337836198, 0.31370664587788729, 0.22238103445337447, 0.10122853629037626};
  for (int k = 0; k < count; ++k) {
    const double t = (1 + std::cos(std::numbers::pi * (k + 0.5) / count)) / 4, cosine = 1 - 2 * t;
    double sum = 0;
    for (int panel = 0; panel < 16; ++panel) {
      const double half = std::numbers::pi / 64, middle = (2 * panel + 1) * half;
      for (int g = 0; g < 4; ++g)
        for (const double side_of : {-1.0, 1.0}) {
          const double c = std::cos(middle + side_of * half * nodes[g]);
          sum += half * weights[g] * std::pow(c / (1 + cosine * c), order) / (1 + cosine * c);
        }
    }
    at[k] = factorial * sum / at_zero;
  }
  out.tail.resize(count);  // Chebyshev coefficients in 4 t - 1
  for (int d = 0; d < count; ++d) {
    double sum = 0;
    for (int k = 0; k < count; ++k) sum += at[k] * std::cos(std::numbers::pi * d * (k + 0.5) / count);
    out.tail[d] = sum * (d == 0 ? 1.0 : 2.0) / count;
  }
  return out;
}

/// b0 <- c + x b1 - b0 for a strip: a step of Clenshaw's recursion, x twice the argument.
template <class T>
DEEPRMT_LEAF void clenshaw_pass(const T* x, const T* next, T* last, T c, Index n) {
  for (Index j = 0; j < n; ++j) last[j] = c + x[j] * next[j] - last[j];
}
template <class T>
DEEPRMT_LEAF void clenshaw_pass_of(const T* x, const T* next, T* last, const T* c, Index n) {
  for (Index j = 0; j < n; ++j) last[j] = c[j] + x[j] * next[j] - last[j];
}
template <class T>
DEEPRMT_LEAF void horner_pass(const T* x, T* sum, T c, Index n) {
  for (Index j = 0; j < n; ++j) sum[j] = sum[j] * x[j] + c;
}
template <class T>
DEEPRMT_LEAF void add_pass(T* sum, const T* x, T c, Index n) {
  for (Index j = 0; j < n; ++j) sum[j] += c * x[j];
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

/// The normalised kernel of max(h, 0)^order.
template <class T>
void power_pass(const Power& with, int order, const T* state, T* out, Strips<T>& s, Index n) {
  clones<angle_pass<T>>(state, s.a, s.b, n);
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
    out[j] = positive(state[j]) ? s.x[j] : tail;
  }
}

/// f and, if wanted, d hold correlations: the layer from them.
template <class T, bool Bias>
DEEPRMT_LEAF void correlation_row(const Step<T>* step, const T* f, const T* d) {
  const Step<T> s = *step;
  DEEPRMT_APART
  for (Index j = 0; j < s.n; ++j) {
    const T size = s.own[root_second] * s.other[root_second][j];
    s.now[j] = s.weight * size * f[j] + s.bias;
    const T r = s.now[j] * s.own[inverse_next] * s.other[inverse_next][j];
    s.state[j] = Bias ? state_of(r) : state_of(f[j]);
    if (s.theta) {
      const T slope = s.own[root_slope] * s.other[root_slope][j] * d[j];
      s.theta[j] = s.from * size * f[j] + s.constant + s.weight * slope * s.theta[j];
    }
  }
}

template <class T>
DEEPRMT_LEAF void chebyshev_argument(const T* state, T* twice_x, Index n) {
  for (Index j = 0; j < n; ++j) {
    const T t = std::abs(state[j]) / 2, part = 2 * std::sqrt(t) * arcsine(t) * std::numbers::inv_pi_v<T>;
    twice_x[j] = 2 * (positive(state[j]) ? 2 * part - 1 : 1 - 2 * part);
  }
}

/// Tables of one layer in type T, weights by columns of inputs.
template <class T>
struct LayerTable {
  Mat<T> x_weights, y_weights, f, d;
  Index p = 0;
  Mat<T> contracted(const Mat<T>& table, Index i) const {  // (p, degree + 1)
    Mat<T> out = Mat<T>::Zero(p, table.cols());
    for (Index r = 0; r < p; ++r) out += x_weights(r, i) * table.middleRows(r * p, p);
    return out;
  }
};

template <class T>
void table_pass(const LayerTable<T>& with, const Mat<T>& table, Index i, Index first_column, T* out, Strips<T>& s,
                Index n) {
  const Mat<T> c = with.contracted(table, i);
  std::fill_n(out, n, T(0));
  std::fill_n(s.b, n, T(0));
  T *now = out, *last = s.b;
  const auto coefficients = [&](Index d) {
    std::fill_n(s.c, n, T(0));
    for (Index r = 0; r < with.p; ++r)
      clones<add_pass<T>>(s.c, with.y_weights.data() + r * with.y_weights.cols() + first_column, c(r, d), n);
  };
  for (Index d = c.cols() - 1; d >= 1; --d) {
    if (with.p == 1) {
      clones<clenshaw_pass<T>>(s.x, now, last, c(0, d), n);
    } else {
      coefficients(d);
      clones<clenshaw_pass_of<T>>(s.x, now, last, s.c, n);
    }
    std::swap(now, last);
  }
  if (with.p == 1)
    std::fill_n(s.c, n, c(0, 0));
  else
    coefficients(0);
  for (Index j = 0; j < n; ++j) out[j] = s.c[j] + s.x[j] / 2 * now[j] - last[j];
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

template <class T>
Numbers<T> numbers(const KernelDiagonals& of, const KernelNetwork& net) {
  Numbers<T> out;
  const bool smooth =
      net.kind == Kind::erf || net.kind == Kind::gelu || net.kind == Kind::sine || net.kind == Kind::cosine;
  const double scale = net.kind == Kind::erf ? 2 * net.above : 1;
  const double least = std::sqrt(static_cast<double>(std::numeric_limits<T>::min()));  // its inverse squared is finite
  for (Index l = 0; l + 1 < of.variances.rows(); ++l) {
    Mat<T> layer(values, of.variances.cols());
    for (Index i = 0; i < layer.cols(); ++i) {
      const double next = std::sqrt(of.variances(l + 1, i)), inverse = next > least ? 1 / next : 0;
      if (smooth) {
        const double a = scale * of.variances(l, i);
        layer.col(i) << static_cast<T>(std::sqrt(a)), static_cast<T>(1 / std::sqrt(1 + a)), static_cast<T>(inverse),
            static_cast<T>(a);
      } else {
        layer.col(i) << static_cast<T>(std::sqrt(of.seconds(l, i))), static_cast<T>(next), static_cast<T>(inverse),
            static_cast<T>(std::sqrt(of.slopes(l, i)));
      }
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
        from_products_(net.from_inputs[0] != net.weight || net.constant != net.bias) {
    for (Index i = 0; i < of_x.variances.cols(); ++i) first_x_.push_back(std::sqrt(of_x.variances(0, i)));
    for (Index i = 0; i < of_y.variances.cols(); ++i) first_y_.push_back(std::sqrt(of_y.variances(0, i)));
    of_x_ = numbers<T>(of_x, net);
    if (!symmetric) of_y_ = numbers<T>(of_y, net);
    if (net.kind == Kind::power) {
      powers_ = {power(net.order), power(net.order - 1)};
    }
    for (const auto& table : net.tables) {
      LayerTable<T> each{table.x_weights.cast<T>(), table.y_weights.cast<T>(), table.f.cast<T>(), table.d.cast<T>(),
                         table.x_weights.rows()};
      tables_.push_back(std::move(each));
    }
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
    std::vector<T> state(side), now(side), theta(side);
    for (Index i = top; i < top + rows; ++i) {
      check_interrupt();
      const Index begin = diagonal ? i : left, width = left + cols - begin;
      const T* correlations = r.data() + (i - top) * side + (begin - left);
      first(i, begin, width, correlations, state.data(), now.data());
      if (tangent && from_products_) {
        const T* product = products.data() + (i - top) * side + (begin - left);
        for (Index j = 0; j < width; ++j)
          theta[j] = static_cast<T>(net_.from_inputs[0]) * product[j] + static_cast<T>(net_.constant);
      } else if (tangent) {
        std::copy_n(now.data(), width, theta.data());
      }
      for (Index l = 0;; ++l) {
        keep(l, i, begin, width, now.data(), theta.data());
        if (l + 1 == layers_) break;
        layer(l, i, begin, width, state.data(), now.data(), tangent ? theta.data() : nullptr, *strips);
        if (diagonal) state[0] = 0;  // an input and itself
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

  void layer(Index l, Index i, Index begin, Index width, T* state, T* now, T* theta, Strips<T>& strips) const {
    Step<T> s;
    s.n = width, s.state = state, s.now = now, s.theta = theta;
    const auto& others = symmetric_ ? of_x_[l] : of_y_[l];
    for (int v = 0; v < values; ++v) {
      s.own[v] = of_x_[l](v, i);
      s.other[v] = others.data() + v * others.cols() + begin;
    }
    s.weight = static_cast<T>(net_.weight), s.bias = static_cast<T>(net_.bias);
    s.from = static_cast<T>(net_.from_inputs[l + 1]), s.constant = static_cast<T>(net_.constant);
    const bool bias = net_.bias > 0;
    const auto choose = [&](auto row) {
      bias ? (theta ? row.template operator()<true, true>() : row.template operator()<true, false>())
           : (theta ? row.template operator()<false, true>() : row.template operator()<false, false>());
    };
    switch (net_.kind) {
      case Kind::ramp:
        s.first = static_cast<T>(share_), s.second = static_cast<T>(slope_);
        choose([&]<bool B, bool D>() { clones<ramp_row<T, B, D>>(&s); });
        break;
      case Kind::step:
        choose([&]<bool B, bool D>() { clones<step_row<T, B, D>>(&s); });
        break;
      case Kind::erf:
        s.first = static_cast<T>(net_.above);
        theta ? clones<erf_row<T, true>>(&s) : clones<erf_row<T, false>>(&s);
        break;
      case Kind::gelu:
        theta ? clones<gelu_row<T, true>>(&s) : clones<gelu_row<T, false>>(&s);
        break;
      case Kind::sine:
        theta ? clones<wave_row<T, true, true>>(&s) : clones<wave_row<T, true, false>>(&s);
        break;
      case Kind::cosine:
        theta ? clones<wave_row<T, false, true>>(&s) : clones<wave_row<T, false, false>>(&s);
        break;
      case Kind::power:
        power_pass(powers_[0], net_.order, state, strips.f, strips, width);
        if (theta) power_pass(powers_[1], net_.order - 1, state, strips.d, strips, width);
        correlations(bias, s, strips);
        break;
      case Kind::table:
        clones<chebyshev_argument<T>>(state, strips.x, width);
        table_pass(tables_[l], tables_[l].f, i, begin, strips.f, strips, width);
        if (theta) table_pass(tables_[l], tables_[l].d, i, begin, strips.d, strips, width);
        correlations(bias, s, strips);
        break;
    }
  }

  static void correlations(bool bias, const Step<T>& s, const Strips<T>& strips) {
    bias ? clones<correlation_row<T, true>>(&s, strips.f, strips.d)
         : clones<correlation_row<T, false>>(&s, strips.f, strips.d);
  }

  MatIn<T> x_units_, y_units_, x_, y_;
  const KernelNetwork& net_;
  bool symmetric_;
  MatOut<T> k_, theta_;
  Index layers_;
  bool from_products_;
  std::vector<double> first_x_, first_y_;
  Numbers<T> of_x_, of_y_;
  std::vector<Power> powers_;
  std::vector<LayerTable<T>> tables_;
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
      check::that(table.f.rows() == p * p && table.d.rows() == p * p && table.f.cols() > 0 && table.d.cols() > 0,
                  "infinite_kernels: a table must have ", p * p, " rows, got ", table.f.rows(), " and ",
                  table.d.rows());
    }
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
