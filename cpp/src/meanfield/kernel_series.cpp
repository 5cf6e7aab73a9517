#include "kernel_series.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "../linalg/pack.hpp"
#include "deeprmt/core/clones.hpp"

namespace deeprmt::meanfield {
namespace {

using linalg::loose;
using linalg::Pack;

enum class Parity { odd, none, even };

template <class T>
using Bits = Pack<std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>>;

template <class T>
constexpr Index packs = series_block<T> / linalg::pack<T>;

/// A block of pairs of one row, in registers.
template <class T>
using Block = Pack<T>[packs<T>];

/// Rows and blocks of pairs, and where the numbers of their inputs stand: row i has its number t at
/// own[i * own_stride + t], block b at other[b * other_stride + t * series_block].
template <class T>
struct Group {
  typename TileSeries<T>::Rows rows;
  Index blocks, own_stride, other_stride;
  const T *own, *other;
  Index d, apart, log;         // as in TileSeries
  Index terms, d_terms;        // how many degrees
  const Index *ends, *d_ends;  // of Chebyshev series
  bool acute, whole;           // of those: in 4 angle / pi - 1; of f itself
};

/// gap += ln(a / b)^2 times how far apart a and b are, kept in [0, 2].
template <class T>
DEEPRMT_LEAF void finish(const Group<T>& s, const T* own, const T* other, Block<T>& gap, T* out) {
  constexpr Index width = linalg::pack<T>, block = series_block<T>;
  for (Index p = 0; p < packs<T>; ++p) {
    if (s.log > s.apart) {
      Pack<T> sum{};
      for (Index t = s.apart; t < s.log; ++t) sum += own[t] * loose(other + t * block + p * width);
      const Pack<T> log = own[s.log] - loose(other + s.log * block + p * width);
      gap[p] += log * log * sum;
    }
    const Pack<T> zero{}, two = T(2) + zero;
    gap[p] = gap[p] > zero ? gap[p] : zero;
    loose(out + p * width) = gap[p] < two ? gap[p] : two;
  }
}

/// With w_k the product of the two numbers of degree k and c the correlation, as polynomials in c, or where only every
/// second degree is there in s = c^2:
///   gap = sum w_k (1 - c^k) = (1 - c) sum w_k (1 + c + ... + c^(k - 1)),   d = sum k w_k c^(k - 1).
/// Each term vanishes with 1 - c and is positive where c and w are: no digits of small angles are lost. Horner's sum of
/// sums has W, the w_k from the top down to here, as its coefficients.
template <class T, Parity P, bool Tangent>
DEEPRMT_LEAF void hermite_block(const Group<T>& s, const T* own, const T* other, const T* state, T* out, T* slope) {
  constexpr Index width = linalg::pack<T>, block = series_block<T>, count = packs<T>;
  const T* times = own + s.log + 1;
  Block<T> near, c, x, w, g, d;
  for (Index p = 0; p < count; ++p) {
    const Bits<T> bits = (Bits<T>)loose(state + p * width);  // the sign bit counts: -0 is a correlation of -1
    const Pack<T> size = (Pack<T>)(bits & std::numeric_limits<std::decay_t<decltype(bits[0])>>::max());
    near[p] = size;
    c[p] = T(1) - size;
    if constexpr (P == Parity::none) {
      near[p] = bits >= 0 ? near[p] : T(2) - size;
      c[p] = bits >= 0 ? c[p] : -c[p];
    }
    x[p] = P == Parity::none ? c[p] : c[p] * c[p];
    w[p] = g[p] = d[p] = Pack<T>{};
  }
  for (Index t = s.terms - 1; t > 0; --t)
    for (Index p = 0; p < count; ++p) {
      const Pack<T> b = loose(other + t * block + p * width);
      w[p] += own[t] * b;
      g[p] = g[p] * x[p] + w[p];
      if constexpr (Tangent) d[p] = d[p] * x[p] + times[t] * b;
    }
  for (Index p = 0; p < count; ++p) {
    if constexpr (P == Parity::odd) {  // 1 - c s^m = (1 - c) (1 + c (1 + c) (1 + s + ... + s^(m - 1)))
      const Pack<T> b = loose(other + p * width);
      w[p] += own[0] * b;
      g[p] = w[p] + c[p] * (T(1) + c[p]) * g[p];
      if constexpr (Tangent) d[p] = d[p] * x[p] + times[0] * b;
    } else if constexpr (P == Parity::even) {
      g[p] *= T(1) + c[p];
      d[p] *= c[p];
    }
    g[p] *= near[p];
    if constexpr (Tangent) loose(slope + p * width) = d[p];
  }
  finish<T>(s, own, other, g, out);
}

template <class T, Parity P, bool Tangent>
DEEPRMT_LEAF void hermite_rows(const Group<T>* group) {
  const Group<T> s = *group;
  for (Index b = 0; b < s.blocks; ++b)
    for (Index r = 0; r < s.rows.rows; ++r) {
      const Index at = r * s.rows.stride + b * series_block<T>;
      hermite_block<T, P, Tangent>(s, s.own + r * s.own_stride, s.other + b * s.other_stride, s.rows.state + at,
                                   s.rows.gap + at, Tangent ? s.rows.d + at : nullptr);
    }
}

/// A Chebyshev series by Clenshaw's recursion: the coefficient of degree t is the sum of the products of numbers from
/// ends[t - 1] to ends[t].
template <class T>
DEEPRMT_LEAF void chebyshev_block(const Index* ends, Index degrees, const T* own, const T* other, const T* twice_x,
                                  Block<T>& out) {
  constexpr Index width = linalg::pack<T>, block = series_block<T>, count = packs<T>;
  Block<T> x, now, last, c;
  for (Index p = 0; p < count; ++p) {
    x[p] = loose(twice_x + p * width);
    now[p] = last[p] = Pack<T>{};
  }
  Index i = ends[degrees - 1];
  for (Index t = degrees - 1;; --t) {
    const Index first = t > 0 ? ends[t - 1] : 0;
    for (Index p = 0; p < count; ++p) c[p] = -last[p];
    while (i > first) {
      --i;
      for (Index p = 0; p < count; ++p) c[p] += own[i] * loose(other + i * block + p * width);
    }
    if (t == 0) break;
    for (Index p = 0; p < count; ++p) {
      last[p] = now[p];
      now[p] = c[p] + x[p] * now[p];
    }
  }
  for (Index p = 0; p < count; ++p) out[p] = c[p] + x[p] * T(0.5) * now[p];
}

template <class T, bool Tangent>
DEEPRMT_LEAF void chebyshev_rows(const Group<T>* group) {
  constexpr Index width = linalg::pack<T>, block = series_block<T>;
  const Group<T> s = *group;
  for (Index b = 0; b < s.blocks; ++b)
    for (Index r = 0; r < s.rows.rows; ++r) {
      const Index at = r * s.rows.stride + b * block;
      const T *own = s.own + r * s.own_stride, *other = s.other + b * s.other_stride, *x = s.rows.twice_x + at;
      Block<T> sum;
      if constexpr (Tangent) {
        chebyshev_block<T>(s.d_ends, s.d_terms, own + s.d, other + s.d * block, x, sum);
        for (Index p = 0; p < packs<T>; ++p) loose(s.rows.d + at + p * width) = sum[p];
      }
      chebyshev_block<T>(s.ends, s.terms, own, other, x, sum);
      for (Index p = 0; p < packs<T>; ++p) {
        const Bits<T> bits = (Bits<T>)loose(s.rows.state + at + p * width);
        const Pack<T> size = (Pack<T>)(bits & std::numeric_limits<std::decay_t<decltype(bits[0])>>::max());
        const Pack<T> near = s.acute || s.whole ? size : (bits >= 0 ? size : T(2) - size);
        sum[p] = s.whole ? T(1) - sum[p] : sum[p] * near;
      }
      finish<T>(s, own, other, sum, s.rows.gap + at);
    }
}

}  // namespace

template <class T>
TileSeries<T>::TileSeries(const KernelNetwork& net, Index layers, Index side, bool tangent) : net_(net) {
  const Index blocks = (side + series_block<T> - 1) / series_block<T>;
  for (Index l = 0; l < layers; ++l) {
    const auto& table = net.tables[static_cast<std::size_t>(l)];
    Layer layer;
    if (table.hermite) {
      const Index first = net.order < 0 ? 1 : 0, step = net.order == 0 ? 1 : 2;
      for (Index t = 0; t < table.gap.left.rows(); ++t) layer.degrees.push_back(static_cast<T>(first + step * t));
    }
    layer.d = table.gap.left.rows();
    layer.apart = layer.d + (tangent && !table.hermite ? table.d.left.rows() : 0);
    layer.log = layer.apart + table.apart.left.rows();
    layer.own = Mat<T>::Zero(side, layer.log + 1 + static_cast<Index>(layer.degrees.size()));
    layer.other = Mat<T>::Zero(blocks, (layer.log + 1) * series_block<T>);
    layers_.push_back(std::move(layer));
  }
}

template <class T>
void TileSeries<T>::place(Index top, Index rows, Index left, Index cols, const std::vector<const T*>& x_logs,
                          const std::vector<const T*>& y_logs) {
  constexpr Index block = series_block<T>;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    Layer& layer = layers_[l];
    const auto& table = net_.tables[l];
    const auto put_other = [&](Index number, Index j, double value) {
      layer.other(j / block, number * block + j % block) = static_cast<T>(value);
    };
    const auto put = [&](const KernelNetwork::Terms& terms, Index at, Index count) {
      if (count == 0) return;
      const Mat<double> own = terms.left * table.x_weights.middleCols(top, rows),
                        other = terms.right * table.y_weights.middleCols(left, cols);
      for (Index r = 0; r < count; ++r) {
        for (Index i = 0; i < rows; ++i) layer.own(i, at + r) = static_cast<T>(own(r, i));
        for (Index j = 0; j < cols; ++j) put_other(at + r, j, other(r, j));
      }
    };
    put(table.gap, 0, layer.d);
    put(table.d, layer.d, layer.apart - layer.d);
    put(table.apart, layer.apart, layer.log - layer.apart);
    for (Index i = 0; i < rows; ++i) {
      layer.own(i, layer.log) = x_logs[l][top + i];
      for (std::size_t t = 0; t < layer.degrees.size(); ++t)
        layer.own(i, layer.log + 1 + static_cast<Index>(t)) = layer.degrees[t] * layer.own(i, static_cast<Index>(t));
    }
    for (Index j = 0; j < cols; ++j) put_other(layer.log, j, y_logs[l][left + j]);
  }
}

template <class T>
void TileSeries<T>::pass(Index l, Index i, Index j, Index n, const Rows& rows) const {
  constexpr Index block = series_block<T>;
  const Layer& layer = layers_[static_cast<std::size_t>(l)];
  const auto& table = net_.tables[static_cast<std::size_t>(l)];
  Group<T> group;
  group.rows = rows;
  group.blocks = (n + block - 1) / block;
  group.own_stride = layer.own.cols();
  group.other_stride = layer.other.cols();
  group.own = layer.own.row(i).data();
  group.other = layer.other.row(j / block).data();
  group.d = layer.d, group.apart = layer.apart, group.log = layer.log;
  group.terms = static_cast<Index>(table.gap.ends.size()), group.d_terms = static_cast<Index>(table.d.ends.size());
  group.ends = table.gap.ends.data(), group.d_ends = table.d.ends.data();
  group.acute = net_.order != 0, group.whole = net_.below != 0;
  if (!table.hermite) {
    rows.d ? clones<chebyshev_rows<T, true>>(&group) : clones<chebyshev_rows<T, false>>(&group);
    return;
  }
  const auto choose = [&]<Parity P>() {
    rows.d ? clones<hermite_rows<T, P, true>>(&group) : clones<hermite_rows<T, P, false>>(&group);
  };
  net_.order < 0   ? choose.template operator()<Parity::odd>()
  : net_.order > 0 ? choose.template operator()<Parity::even>()
                   : choose.template operator()<Parity::none>();
}

template class TileSeries<float>;
template class TileSeries<double>;

}  // namespace deeprmt::meanfield
