#include "piecewise_kernel.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>

#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/exponential.hpp"

namespace deeprmt::meanfield {
namespace {

constexpr Index side = 256;
constexpr double near = 0.2928932188134524;  // 1 - cos(45 degrees): series below
constexpr double close = 0.034074173710931;  // 1 - cos(15 degrees): short series below
constexpr double upright = 0.63;             // short sums beyond
constexpr double single = 100;               // of size: up to here sums in single precision have its rounding

template <class C>
constexpr bool is_double = std::is_same_v<C, double>;

template <class C>
DEEPRMT_LEAF C fall(C y) {  // exp(y), y <= 0
  return exp_negative(std::max(y, C(is_double<C> ? -708 : -87)));
}

/// 1 - sqrt(pi) b exp(b^2) erfc(b) for b >= 0: the integral of exp(b^2 - b^2 / v^2) over [0, 1].
DEEPRMT_LEAF double moment_of(double b) {
  constexpr double c[] = {
      0.048186160816074768,   -0.16892588898916292,   0.25981168796336059,    -0.24793181526316806,
      0.16921572657643962,    -0.082153702741415086,  0.0248494939079214,     -0.0016143910704482839,
      -0.0022029404882559535, 0.00073121408267302992, 0.00014996318078960177, -0.00012226075087127941,
      -1.1453106540504369e-5, 1.9684753470901561e-5,  1.7486353033568363e-6,  -3.3247570426939597e-6,
      -5.0769411626089155e-7, 5.5725278720792547e-7,  1.4864085310178516e-7,  -7.9215888956426716e-8,
      -3.2026186786149697e-8, 6.6990663190284451e-9,  3.5943572604879504e-9};
  const double w = (b - 3) / (b + 3);
  double y = c[22];
  [&]<std::size_t... I>(std::index_sequence<I...>)
      __attribute__((always_inline)) { ((y = y * w + c[21 - I]), ...); }(std::make_index_sequence<22>());
  return y;
}
DEEPRMT_LEAF float moment_of(float b) {
  constexpr float c[] = {0.0946459f,     -0.296374695f,   0.361304733f,    -0.215361441f,
                         0.0513569567f,  0.0132159358f,   -0.00846804027f, -0.00173880183f,
                         0.00130409906f, 0.000259064663f, -0.000143662305f};
  const float w = (b - 2) / (b + 2);
  float y = c[10];
  [&]<std::size_t... I>(std::index_sequence<I...>)
      __attribute__((always_inline)) { ((y = y * w + c[9 - I]), ...); }(std::make_index_sequence<10>());
  return y;
}

// ---- passes over a strip of pairs; t = tan(angle / 2) of the acute angle ----

template <class C>
DEEPRMT_LEAF void half_tangents(const C* gap, C* t, Index n) {
  for (Index j = 0; j < n; ++j) t[j] = std::sqrt(gap[j] / (2 - gap[j]));
}

/// Adds the integrals from angle 0: of E to `slopes`, and of (1 - cos) E over 1 - cos(angle) to `rises`, times weight.
template <class C, int Terms>
DEEPRMT_LEAF void near_pass(const C* t, const C* inverse_root, C x, C kink, C weight, C* slopes, C* rises, Index n) {
  constexpr C most = is_double<C> ? 700 : 80, root_most = is_double<C> ? 26 : 9, root_eighth = C(0.35355339059327376);
  DEEPRMT_APART
  for (Index j = 0; j < n; ++j) {
    const C y = kink * inverse_root[j], differ = std::abs(x - y) * root_eighth, sum_of = (x + y) * root_eighth;
    const C b = std::min(differ / (t[j] + std::numeric_limits<C>::min()), root_most), twice_beta = 2 * b * b;
    const C lambda = std::min(sum_of * sum_of, most), square = t[j] * t[j];
    const C size = 2 * weight * t[j] * fall(-(std::min(differ * differ, most) + b * b + lambda));
    // exp(-lambda s) / (1 + s) is the sum of (-s)^m times the partial sums of exp(lambda); over (1 + s)^2 it is that of
    // the sums of those.
    C moment = moment_of(b), power = 1, term = 1, partial = 1, sums = 1, slope = 0, rise = 0;
    [&]<std::size_t... M>(std::index_sequence<M...>) __attribute__((always_inline)) {
      ((slope += power * partial * moment, moment = (1 - twice_beta * moment) * (C(1) / C(2 * M + 3)),
        rise += power * sums * moment, term *= lambda * (C(1) / C(M + 1)), partial += term, sums += partial,
        power *= -square),
       ...);
    }(std::make_index_sequence<Terms>());
    slopes[j] += size * slope;
    rises[j] += size * (1 + square) * rise;
  }
}

/// At one node of [t, 1]: its square, the inverse, and the weights of the integral of E from the angle to a right one
/// and of that of (cos(angle) - cos) E.
template <class C>
DEEPRMT_LEAF void node_pass(const C* t, const C* gap, C node, C weight, C* square, C* inverse, C* once, C* twice,
                            Index n) {
  DEEPRMT_APART
  for (Index j = 0; j < n; ++j) {
    const C half = (1 - t[j]) / 2, at = t[j] + half * (1 + node), s = at * at, r = 1 / (s * (1 + s));
    square[j] = s;
    inverse[j] = (1 + s) * r;
    once[j] = 2 * half * weight * (s * r);
    twice[j] = once[j] * ((1 - gap[j]) - (1 - s) * (s * r));
  }
}
template <class C>
DEEPRMT_LEAF void wide_pass(const C* square, const C* inverse, const C* once, const C* twice, const C* inverse_root,
                            C x, C kink, C weight, C* slopes, C* rises, Index n) {
  DEEPRMT_APART
  for (Index j = 0; j < n; ++j) {
    const C y = kink * inverse_root[j], differ = x - y, sum = x + y;
    const C e = weight * fall(C(-0.125) * (differ * differ * (1 + inverse[j]) + sum * sum * (1 + square[j])));
    slopes[j] += once[j] * e;
    rises[j] += twice[j] * e;
  }
}

template <class C>
DEEPRMT_LEAF void smaller_pass(const C* tails, C own, C weight, C* sum, Index n) {
  for (Index j = 0; j < n; ++j) sum[j] += weight * std::min(own, tails[j]);
}
template <class C>
DEEPRMT_LEAF void clenshaw_pass(const C* twice_x, const C* next, C* last, C c, Index n) {
  DEEPRMT_APART
  for (Index j = 0; j < n; ++j) last[j] = c + twice_x[j] * next[j] - last[j];
}
template <class C>
DEEPRMT_LEAF void clenshaw_pass_of(const C* twice_x, const C* next, C* last, const C* c, Index n) {
  DEEPRMT_APART
  for (Index j = 0; j < n; ++j) last[j] = c[j] + twice_x[j] * next[j] - last[j];
}

// What is known of each input: the root of its variance, the mean of phi and the level, in units of the root of the
// mean of phi^2; the inverse of the root of the variance and the coordinate; the mean of phi' and the inverse root of
// that of its square; then of each kink P(|.| beyond it) on its side and the density there.
enum Number { root, mean, level, inverse_root, coordinate, mean_slope, inverse_d, by_kink };

template <class C>
struct Ends {
  Index n;
  const C *gap, *slopes, *rises, *at_end;  // at_end: mean of phi' phi', or of phi phi too, at angle 0 or pi
  C own[by_kink];
  const C* other[by_kink];
  C *out, *d;
};

template <class C, bool Acute>
DEEPRMT_LEAF void wide_end(const Ends<C>* ends) {
  const Ends<C> s = *ends;
  constexpr C over = std::numbers::inv_pi_v<C> / 2;
  DEEPRMT_APART
  for (Index j = 0; j < s.n; ++j) {
    const C flat = s.own[mean_slope] * s.other[mean_slope][j], cosine = 1 - s.gap[j];
    const C slope = Acute ? flat + over * s.slopes[j] : flat - over * s.slopes[j];
    const C f = s.own[mean] * s.other[mean][j] +
                s.own[root] * s.other[root][j] * ((Acute ? cosine : -cosine) * flat + over * s.rises[j]);
    s.out[j] = std::min(std::max(1 - f, C(0)), C(2));
    s.d[j] = slope * (s.own[inverse_d] * s.other[inverse_d][j]);
  }
}

/// `out` holds 1 - r at angle 0.
template <class C>
DEEPRMT_LEAF void near_end(const Ends<C>* ends) {
  const Ends<C> s = *ends;
  constexpr C over = std::numbers::inv_pi_v<C> / 2;
  DEEPRMT_APART
  for (Index j = 0; j < s.n; ++j) {
    const C slope = s.at_end[j] - over * s.slopes[j];
    const C lost = s.own[root] * s.other[root][j] * s.gap[j] * (slope + over * s.rises[j]);
    s.out[j] = std::min(std::max(s.out[j] + lost, C(0)), C(2));
    s.d[j] = slope * (s.own[inverse_d] * s.other[inverse_d][j]);
  }
}
/// Where v is almost a negative multiple of u; `out` holds r at angle pi.
template <class C>
DEEPRMT_LEAF void opposite_end(const Ends<C>* ends) {
  const Ends<C> s = *ends;
  constexpr C over = std::numbers::inv_pi_v<C> / 2;
  DEEPRMT_APART
  for (Index j = 0; j < s.n; ++j) {
    const C slope = s.at_end[j] + over * s.slopes[j];
    const C f = s.out[j] + s.own[root] * s.other[root][j] * s.gap[j] * (slope - over * s.rises[j]);
    s.out[j] = std::min(std::max(1 - f, C(0)), C(2));
    s.d[j] = slope * (s.own[inverse_d] * s.other[inverse_d][j]);
  }
}

/// E (U - x)_+ (V - y)_+ at angle 0, from the tails and densities at x and y >= 0, whichever is further out.
template <class C>
DEEPRMT_LEAF void ramps_pass(const C* tails, const C* densities, const C* inverse_root, const C* roots, C tail,
                             C density, C x, C kink, C weight, C* sum, Index n) {
  DEEPRMT_APART
  for (Index j = 0; j < n; ++j) {
    const C y = kink * inverse_root[j];
    const bool further = x > y;
    const C q = further ? tail : tails[j], at = further ? density : densities[j];
    const C value = (1 + x * y) * q - std::min(x, y) * at;
    sum[j] += weight * roots[j] * value;
  }
}

struct Couple {
  double first, second, weight;  // kinks of u and of v
};

template <class C>
struct Rule {
  std::vector<double> nodes, weights;  // those above 0 of an even number
};
const Rule<double> short_double{{0.18343464249564978, 0.525532409916329, 0.7966664774136267, 0.9602898564975362},
                                {0.36268378337836166, 0.3137066458778869, 0.22238103445337443, 0.10122853629037706}};
const Rule<double> long_double{{0.1252334085114689, 0.3678314989981802, 0.5873179542866175, 0.7699026741943047,
                                0.9041172563704748, 0.9815606342467192},
                               {0.2491470458134027, 0.2334925365383546, 0.20316742672306573, 0.16007832854334642,
                                0.10693932599531907, 0.04717533638651141}};
const Rule<float> short_single{{0.33998104358485626, 0.8611363115940526}, {0.6521451548625464, 0.34785484513745357}};
const Rule<float> long_single{{0.2386191860831969, 0.6612093864662645, 0.9324695142031519},
                              {0.46791393457269104, 0.3607615730481387, 0.17132449237917027}};

template <class C>
struct Scratch {
  static constexpr int strips = 12;
  explicit Scratch(Index numbers) : columns(numbers, side) {}
  Mat<C> columns;
  C gap[side], t[side], slopes[side], rises[side], ends[side], out[side], d[side], work[strips][side];
  Index which[6][side];
};

/// All layers, computed in C.
template <class C>
class Sums {
 public:
  Sums(const KernelNetwork& net, const KernelDiagonals& of_x, const KernelDiagonals& of_y)
      : of_(net.pieces), odd_or_even_(net.order != 0) {
    const std::size_t count = of_.kinks.size();
    for (std::size_t k = 0; k < count; ++k)
      for (std::size_t l = 0; l < count; ++l) {
        const double weight = of_.bends[k] * of_.bends[l];
        const auto alike = std::ranges::find_if(
            couples_, [&](const Couple& c) { return c.first == -of_.kinks[k] && c.second == -of_.kinks[l]; });
        if (alike != couples_.end())
          alike->weight += weight;
        else
          couples_.push_back({of_.kinks[k], of_.kinks[l], weight});
      }
    x_ = numbers(of_x, true), y_ = &of_x == &of_y ? x_ : numbers(of_y, false);
    for (const auto& apart : of_.apart) aparts_.push_back(apart.series.template cast<C>());
  }

  Index rows() const { return by_kink + 2 * static_cast<Index>(of_.kinks.size()); }

  template <class T>
  void row(Index layer, Index i, Index begin, Index n, const T* state, T* gap, T* d, Scratch<C>& s) const {
    std::array<Index, 6> counts{};
    for (Index j = 0; j < n; ++j) {
      const double size = std::abs(state[j]);
      const bool acute = odd_or_even_ || std::copysign(T(1), state[j]) > 0;
      const int kind = (acute ? 0 : 3) + (size < near ? 0 : size < upright ? 1 : 2);
      s.which[kind][counts[kind]++] = j;
    }
    for (int kind = 0; kind < 6; ++kind) {
      const Index count = counts[kind];
      if (count == 0) continue;
      const Index* which = s.which[kind];
      bool all_close = true;
      for (Index p = 0; p < count; ++p) {
        s.gap[p] = static_cast<C>(std::abs(state[which[p]]));
        all_close = all_close && s.gap[p] < C(close);
      }
      const Mat<C>& others = y_[layer];
      const Index needed = kind % 3 == 0 ? rows() : Index{by_kink};
      std::array<const C*, 64> column;
      for (Index v = 0; v < needed; ++v) {
        const C* from = others.data() + v * others.cols() + begin;
        if (count == n) {
          column[v] = from;
        } else {
          C* to = s.columns.data() + v * side;
          for (Index p = 0; p < count; ++p) to[p] = from[which[p]];
          column[v] = to;
        }
      }
      clones<half_tangents<C>>(s.gap, s.t, count);
      std::fill_n(s.slopes, count, C(0));
      std::fill_n(s.rises, count, C(0));
      Ends<C> ends;
      ends.n = count, ends.gap = s.gap, ends.slopes = s.slopes, ends.rises = s.rises, ends.at_end = s.ends;
      ends.out = s.out, ends.d = s.d;
      for (int v = 0; v < by_kink; ++v) ends.own[v] = x_[layer](v, i), ends.other[v] = column[v];
      const bool acute = kind < 3;
      if (kind % 3 == 0)
        near_pairs(layer, i, acute, all_close, column.data(), ends, s);
      else
        wide_pairs(acute, kind % 3 == 1, column.data(), ends, s);
      for (Index p = 0; p < count; ++p) {
        gap[which[p]] = static_cast<T>(s.out[p]);
        d[which[p]] = static_cast<T>(s.d[p]);
      }
    }
  }

 private:
  std::vector<Mat<C>> numbers(const KernelDiagonals& of, bool first_set) const {
    const std::size_t count = of_.kinks.size();
    // Squares of what is as far out as this are finite.
    const double furthest = is_double<C> ? 1e100 : 1e15, least = std::numeric_limits<C>::min();
    std::vector<Mat<C>> out;
    for (Index l = 0; l + 1 < of.variances.rows(); ++l) {
      Mat<C> layer(rows(), of.variances.cols());
      for (Index i = 0; i < layer.cols(); ++i) {
        const auto put = [&](Index at, double value) { layer(at, i) = static_cast<C>(value); };
        const double q = of.variances(l, i), r = std::sqrt(q), inverse = std::min(1 / r, furthest);
        double first = of_.level, slope = of_.slope;
        for (std::size_t k = 0; k < count; ++k) {
          const double x = std::abs(of_.kinks[k]) * inverse, tail = std::erfc(x * std::numbers::sqrt2 / 2) / 2,
                       density = std::exp(-x * x / 2) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
          first += of_.bends[k] * r * (density - x * tail);
          slope += (of_.kinks[k] < 0 ? -1 : 1) * of_.bends[k] * tail;
          put(by_kink + static_cast<Index>(k), tail);
          put(by_kink + static_cast<Index>(count + k), density);
        }
        put(inverse_root, inverse);
        put(coordinate, first_set ? of_.apart[l].x(i) : of_.apart[l].y(i));
        put(mean_slope, slope);
        const double second = std::sqrt(of.seconds(l, i)), second_slope = std::sqrt(of.slopes(l, i));
        put(root, second > 0 ? r / second : 0);
        put(mean, second > 0 ? first / second : 0);
        put(level, second > 0 ? of_.level / second : 0);
        put(inverse_d, second_slope > least ? 1 / second_slope : 0);
      }
      out.push_back(std::move(layer));
    }
    return out;
  }

  void wide_pairs(bool acute, bool far, const C* const* column, Ends<C>& ends, Scratch<C>& s) const {
    const Index n = ends.n;
    const auto& rule = [&]() -> const Rule<C>& {
      if constexpr (is_double<C>)
        return far ? long_double : short_double;
      else
        return far ? long_single : short_single;
    }();
    for (std::size_t p = 0; p < rule.nodes.size(); ++p)
      for (const double sign : {-1.0, 1.0}) {
        clones<node_pass<C>>(s.t, s.gap, static_cast<C>(sign * rule.nodes[p]), static_cast<C>(rule.weights[p]),
                             s.work[0], s.work[1], s.work[2], s.work[3], n);
        for (const Couple& c : couples_)
          clones<wide_pass<C>>(s.work[0], s.work[1], s.work[2], s.work[3], column[inverse_root],
                               static_cast<C>(c.first) * ends.own[inverse_root],
                               static_cast<C>(acute ? c.second : -c.second), static_cast<C>(c.weight), s.slopes,
                               s.rises, n);
      }
    acute ? clones<wide_end<C, true>>(&ends) : clones<wide_end<C, false>>(&ends);
  }

  void near_pairs(Index layer, Index i, bool acute, bool all_close, const C* const* column, Ends<C>& ends,
                  Scratch<C>& s) const {
    const Index n = ends.n;
    for (const Couple& c : couples_) {
      const C x = static_cast<C>(c.first) * ends.own[inverse_root], kink = static_cast<C>(acute ? c.second : -c.second),
              weight = static_cast<C>(c.weight);
      if (all_close)
        clones<near_pass<C, is_double<C> ? 9 : 4>>(s.t, column[inverse_root], x, kink, weight, s.slopes, s.rises, n);
      else
        clones<near_pass<C, is_double<C> ? 20 : 9>>(s.t, column[inverse_root], x, kink, weight, s.slopes, s.rises, n);
    }
    const std::size_t count = of_.kinks.size();
    const C line = static_cast<C>(of_.slope);
    for (Index j = 0; j < n; ++j) s.ends[j] = line * (ends.own[mean_slope] + column[mean_slope][j] - line);
    const bool known = acute && of_.apart[layer].series.size() > 0;
    const C turn = acute ? C(1) : C(-1);
    if (known) {
      distance(layer, ends, s);
    } else {
      const C own_level = ends.own[level], own_rest = ends.own[mean] - own_level,
              lines = turn * line * line * ends.own[root];
      for (Index j = 0; j < n; ++j)
        s.out[j] = own_level * column[mean][j] + own_rest * column[level][j] + lines * column[root][j];
    }
    const Mat<C>& own = x_[layer];
    for (std::size_t k = 0; k < count; ++k) {
      const C tail = own(by_kink + static_cast<Index>(k), i);
      const double side_k = of_.kinks[k] < 0 ? -1 : 1;
      if (!known) {  // the line of one with the ramps of the other: E z (s z - x)_+ is s times the tail
        const C weight = turn * static_cast<C>(side_k * of_.bends[k]) * line * ends.own[root];
        const C* tails = column[by_kink + k];
        for (Index j = 0; j < n; ++j) s.out[j] += weight * column[root][j] * (tail + tails[j]);
      }
      for (std::size_t l = 0; l < count; ++l) {
        const double side_l = (of_.kinks[l] < 0 ? -1 : 1) * (acute ? 1 : -1);
        if (side_k != side_l) continue;
        const double weight = of_.bends[k] * of_.bends[l];
        clones<smaller_pass<C>>(column[by_kink + l], tail, turn * static_cast<C>(weight), s.ends, n);
        if (!known)
          clones<ramps_pass<C>>(column[by_kink + l], column[by_kink + count + l], column[inverse_root], column[root],
                                tail, own(by_kink + static_cast<Index>(count + k), i),
                                static_cast<C>(std::abs(of_.kinks[k])) * ends.own[inverse_root],
                                static_cast<C>(std::abs(of_.kinks[l])), static_cast<C>(weight) * ends.own[root], s.out,
                                n);
      }
    }
    if (acute && !known) {
      const C own_inverse = ends.own[inverse_root];
      const C* inverses = column[inverse_root];
      for (Index j = 0; j < n; ++j) s.out[j] = inverses[j] == own_inverse ? C(0) : std::max(1 - s.out[j], C(0));
    }
    acute ? clones<near_end<C>>(&ends) : clones<opposite_end<C>>(&ends);
  }

  /// 1 - r at angle 0, by its series in two variables.
  void distance(Index layer, const Ends<C>& ends, Scratch<C>& s) const {
    const Index n = ends.n;
    const auto& apart = of_.apart[layer];
    const Mat<C>& series = aparts_[layer];
    if (!(apart.high > apart.low)) {
      std::fill_n(s.out, n, C(0));
      return;
    }
    const C low = static_cast<C>(apart.low), scale = static_cast<C>(4 / (apart.high - apart.low));
    C *x = s.work[0], *y = s.work[1], *inner = s.work[2], *spare = s.work[3], *now = s.out, *last = s.work[4];
    for (Index j = 0; j < n; ++j) {
      const C a = ends.own[coordinate], b = ends.other[coordinate][j], above = std::max(a, b) - low;
      x[j] = std::min(std::max(above * scale - 2, C(-2)), C(2));
      y[j] = std::min(4 * std::abs(a - b) / std::max(above, std::numeric_limits<C>::min()), C(4)) - 2;
    }
    const auto at = [&](Index r) {  // the series in y of row r, into inner
      C *one = inner, *two = spare;
      std::fill_n(one, n, C(0));
      std::fill_n(two, n, C(0));
      for (Index c = series.cols() - 1; c >= 1; --c) {
        clones<clenshaw_pass<C>>(y, one, two, series(r, c), n);
        std::swap(one, two);
      }
      const C constant = series(r, 0);
      for (Index j = 0; j < n; ++j) inner[j] = constant + y[j] / 2 * one[j] - two[j];
    };
    std::fill_n(now, n, C(0));
    std::fill_n(last, n, C(0));
    for (Index r = series.rows() - 1; r >= 1; --r) {
      at(r);
      clones<clenshaw_pass_of<C>>(x, now, last, inner, n);
      std::swap(now, last);
    }
    at(0);
    for (Index j = 0; j < n; ++j) {
      const C differ = ends.own[coordinate] - ends.other[coordinate][j];
      s.out[j] = differ * differ * (inner[j] + x[j] / 2 * now[j] - last[j]);
    }
  }

  const KernelNetwork::Pieces& of_;
  bool odd_or_even_;
  std::vector<Couple> couples_;
  std::vector<Mat<C>> x_, y_, aparts_;
};

}  // namespace

template <class T>
class PieceLayers<T>::Room {
 public:
  template <class C>
  Room(std::in_place_type_t<C> in, Index numbers) : strips(in, numbers) {}
  std::variant<Scratch<float>, Scratch<double>> strips;
};

template <class T>
class PieceLayers<T>::Impl {
 public:
  std::variant<Sums<float>, Sums<double>> sums;
};

template <class T>
PieceLayers<T>::PieceLayers(const KernelNetwork& net, const KernelDiagonals& of_x, const KernelDiagonals& of_y) {
  const bool in_single = std::is_same_v<T, float> && net.pieces.size <= single;
  if (in_single)
    impl_.reset(new Impl{Sums<float>(net, of_x, of_y)});
  else
    impl_.reset(new Impl{Sums<double>(net, of_x, of_y)});
}
template <class T>
PieceLayers<T>::~PieceLayers() = default;

template <class T>
std::shared_ptr<typename PieceLayers<T>::Room> PieceLayers<T>::room() const {
  if (const auto* sums = std::get_if<Sums<float>>(&impl_->sums))
    return std::shared_ptr<Room>(new Room(std::in_place_type<Scratch<float>>, sums->rows()));
  return std::shared_ptr<Room>(
      new Room(std::in_place_type<Scratch<double>>, std::get<Sums<double>>(impl_->sums).rows()));
}

template <class T>
void PieceLayers<T>::row(Index layer, Index i, Index begin, Index n, const T* state, T* gap, T* d, Room& room) const {
  if (const auto* sums = std::get_if<Sums<float>>(&impl_->sums))
    sums->row(layer, i, begin, n, state, gap, d, std::get<Scratch<float>>(room.strips));
  else
    std::get<Sums<double>>(impl_->sums).row(layer, i, begin, n, state, gap, d, std::get<Scratch<double>>(room.strips));
}

template class PieceLayers<float>;
template class PieceLayers<double>;

}  // namespace deeprmt::meanfield
