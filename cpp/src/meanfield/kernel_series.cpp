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

/// Packs of pairs of one row, in registers.
template <class T, Index N>
using Packs = Pack<T>[N];

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
template <class T, Index N>
DEEPRMT_LEAF void finish(const Group<T>& s, const T* own, const T* other, Packs<T, N>& gap, T* out) {
  constexpr Index width = linalg::pack<T>, block = series_block<T>;
  for (Index p = 0; p < N; ++p) {
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

/// With w_k the product of the two numbers of degree k and c the correlation, as polynomials in x = c, or where only
/// every second degree is there in x = c^2, of which w_m is the coefficient of degree m:
///   sum w_m (1 - x^m) = (1 - x) g,  g = sum w_m (1 + x + ... + x^(m - 1)),
///   sum m w_m x^(m - 1) = g - (1 - x) g'.
/// The terms of g are positive where x and w are: no digits of small angles are lost. By Horner's rule, where the sum
/// of the w from the top down to each is the coefficient of g; so three operations a term.
template <class T, Parity P, bool Tangent, Index N>
DEEPRMT_LEAF void hermite_packs(const Group<T>& s, const T* own, const T* other, const T* state, T* out, T* slope) {
  constexpr Index width = linalg::pack<T>, block = series_block<T>;
  Packs<T, N> near, c, x, w, g, rise;
  for (Index p = 0; p < N; ++p) {
    const Bits<T> bits = (Bits<T>)loose(state + p * width);  // the sign bit counts: -0 is a correlation of -1
    const Pack<T> size = (Pack<T>)(bits & std::numeric_limits<std::decay_t<decltype(bits[0])>>::max());
    near[p] = size;
    c[p] = T(1) - size;
    if constexpr (P == Parity::none) {
      near[p] = bits >= 0 ? near[p] : T(2) - size;
      c[p] = bits >= 0 ? c[p] : -c[p];
    }
    x[p] = P == Parity::none ? c[p] : c[p] * c[p];
    w[p] = g[p] = rise[p] = Pack<T>{};
  }
  for (Index t = s.terms - 1; t > 0; --t)
    for (Index p = 0; p < N; ++p) {
      if constexpr (Tangent) rise[p] = rise[p] * x[p] + g[p];
      w[p] += own[t] * loose(other + t * block + p * width);
      g[p] = g[p] * x[p] + w[p];
    }
  for (Index p = 0; p < N; ++p) {
    const Pack<T> left = P == Parity::none ? near[p] : near[p] * (T(1) + c[p]);  // 1 - x
    const Pack<T> inner = g[p] - left * rise[p];
    if constexpr (P == Parity::none) {
      if constexpr (Tangent) loose(slope + p * width) = inner;
      g[p] *= near[p];
    } else if constexpr (P == Parity::even) {
      if constexpr (Tangent) loose(slope + p * width) = T(2) * c[p] * inner;
      g[p] *= left;
    } else {  // c times the polynomial in x
      w[p] += own[0] * loose(other + p * width);
      const Pack<T> lost = left * g[p];
      if constexpr (Tangent) loose(slope + p * width) = w[p] - lost + T(2) * x[p] * inner;
      g[p] = near[p] * w[p] + c[p] * lost;
    }
  }
  finish<T, N>(s, own, other, g, out);
}

template <class T, Parity P, bool Tangent, Index N>
DEEPRMT_LEAF void hermite_rows(const Group<T>* group) {
  const Group<T> s = *group;
  for (Index b = 0; b < s.blocks; ++b)
    for (Index r = 0; r < s.rows.rows; ++r)
      for (Index part = 0; part < series_block<T>; part += N * linalg::pack<T>) {
        const Index at = r * s.rows.stride + b * series_block<T> + part;
        hermite_packs<T, P, Tangent, N>(s, s.own + r * s.own_stride, s.other + b * s.other_stride + part,
                                        s.rows.state + at, s.rows.gap + at, Tangent ? s.rows.d + at : nullptr);
      }
}

/// A Chebyshev series by Clenshaw's recursion: the coefficient of degree t is the sum of the products of numbers from
/// ends[t - 1] to ends[t].
template <class T, Index N>
DEEPRMT_LEAF void chebyshev_packs(const Index* ends, Index degrees, const T* own, const T* other, const T* twice_x,
                                  Packs<T, N>& out) {
  constexpr Index width = linalg::pack<T>, block = series_block<T>;
  Packs<T, N> x, now, last, c;
  for (Index p = 0; p < N; ++p) {
    x[p] = loose(twice_x + p * width);
    now[p] = last[p] = Pack<T>{};
  }
  Index i = ends[degrees - 1];
  for (Index t = degrees - 1;; --t) {
    const Index first = t > 0 ? ends[t - 1] : 0;
    for (Index p = 0; p < N; ++p) c[p] = -last[p];
    while (i > first) {
      --i;
      for (Index p = 0; p < N; ++p) c[p] += own[i] * loose(other + i * block + p * width);
    }
    if (t == 0) break;
    for (Index p = 0; p < N; ++p) {
      last[p] = now[p];
      now[p] = c[p] + x[p] * now[p];
    }
  }
  for (Index p = 0; p < N; ++p) out[p] = c[p] + x[p] * T(0.5) * now[p];
}

template <class T, bool Tangent, Index N>
DEEPRMT_LEAF void chebyshev_rows(const Group<T>* group) {
  constexpr Index width = linalg::pack<T>, block = series_block<T>;
  const Group<T> s = *group;
  for (Index b = 0; b < s.blocks; ++b)
    for (Index r = 0; r < s.rows.rows; ++r)
      for (Index part = 0; part < block; part += N * width) {
        const Index at = r * s.rows.stride + b * block + part;
        const T *own = s.own + r * s.own_stride, *other = s.other + b * s.other_stride + part, *x = s.rows.twice_x + at;
        Packs<T, N> sum;
        if constexpr (Tangent) {
          chebyshev_packs<T, N>(s.d_ends, s.d_terms, own + s.d, other + s.d * block, x, sum);
          for (Index p = 0; p < N; ++p) loose(s.rows.d + at + p * width) = sum[p];
        }
        chebyshev_packs<T, N>(s.ends, s.terms, own, other, x, sum);
        for (Index p = 0; p < N; ++p) {
          const Bits<T> bits = (Bits<T>)loose(s.rows.state + at + p * width);
          const Pack<T> size = (Pack<T>)(bits & std::numeric_limits<std::decay_t<decltype(bits[0])>>::max());
          const Pack<T> near = s.acute ? size : (bits >= 0 ? size : T(2) - size);
          sum[p] = s.whole ? T(1) - sum[p] : sum[p] * near;
        }
        finish<T, N>(s, own, other, sum, s.rows.gap + at);
      }
}

}  // namespace

template <class T>
TileSeries<T>::TileSeries(const KernelNetwork& net, Index layers, Index side, bool tangent) : net_(net) {
  const Index blocks = (side + series_block<T> - 1) / series_block<T>;
  for (Index l = 0; l < layers; ++l) {
    const auto& table = net.tables[static_cast<std::size_t>(l)];
    Layer layer;
    layer.d = table.gap.left.rows();
    layer.apart = layer.d + (tangent && !table.hermite ? table.d.left.rows() : 0);
    layer.log = layer.apart + table.apart.left.rows();
    layer.own = Mat<T>::Zero(side, layer.log + 1);
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
    for (Index i = 0; i < rows; ++i) layer.own(i, layer.log) = x_logs[l][top + i];
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
  const auto choose = [&]<Index N>() {
    if (!table.hermite) {
      rows.d ? clones<chebyshev_rows<T, true, N>>(&group) : clones<chebyshev_rows<T, false, N>>(&group);
      return;
    }
    const auto hermite = [&]<Parity P>() {
      rows.d ? clones<hermite_rows<T, P, true, N>>(&group) : clones<hermite_rows<T, P, false, N>>(&group);
    };
    net_.order < 0   ? hermite.template operator()<Parity::odd>()
    : net_.order > 0 ? hermite.template operator()<Parity::even>()
                     : hermite.template operator()<Parity::none>();
  };
  // As many as there are registers for.
  detail::chosen_set == InstructionSet::v4 ? choose.template operator()<4>() : choose.template operator()<2>();
}

template class TileSeries<float>;
template class TileSeries<double>;

}  // namespace deeprmt::meanfield
