#include "turns.hpp"

#include <utility>

#include "deeprmt/core/clones.hpp"
#include "pack.hpp"

namespace deeprmt::linalg::turns {
namespace {

/// `count` registers of each row, `ld` entries apart. Each column is the same sum whatever the registers hold.
template <int bytes, int count, class T>
struct Columns {
  using V = typename Register<T, bytes>::type;
  static constexpr int width = bytes / static_cast<int>(sizeof(T));
  DEEPRMT_LEAF static V& at(T* row, int r) { return *reinterpret_cast<V*>(row + r * width); }

  /// p += v^T x for one row of both, reflectors [from, to).
  template <int from, int to>
  DEEPRMT_LEAF static void gather(const T* v, T* x, V (&p)[together][count]) {
    V row[count];
#pragma GCC unroll 8
    for (int r = 0; r < count; ++r) row[r] = at(x, r);
#pragma GCC unroll 8
    for (int j = from; j < to; ++j)
#pragma GCC unroll 8
      for (int r = 0; r < count; ++r) p[j][r] += v[j] * row[r];
  }
  /// x -= v p for one row.
  template <int from, int to>
  DEEPRMT_LEAF static void scatter(const T* v, T* x, const V (&p)[together][count]) {
    V row[count];
#pragma GCC unroll 8
    for (int r = 0; r < count; ++r) row[r] = at(x, r);
#pragma GCC unroll 8
    for (int j = from; j < to; ++j)
#pragma GCC unroll 8
      for (int r = 0; r < count; ++r) row[r] -= v[j] * p[j][r];
#pragma GCC unroll 8
    for (int r = 0; r < count; ++r) at(x, r) = row[r];
  }

  /// The first and the last rows are those of a few reflectors only.
  template <int... i>
  DEEPRMT_LEAF static void run(const T* v, const T* t, Index size, T* x, Index ld, std::integer_sequence<int, i...>) {
    constexpr int edge = together - 1;
    V p[together][count] = {};
    const Index last = size - edge;
    (gather<0, i + 1>(v + i * together, x + i * ld, p), ...);
    for (Index k = edge; k < last; ++k) gather<0, together>(v + k * together, x + k * ld, p);
    (gather<i + 1, together>(v + (last + i) * together, x + (last + i) * ld, p), ...);
#pragma GCC unroll 8
    for (int k = 0; k < together; ++k)
#pragma GCC unroll 8
      for (int r = 0; r < count; ++r) {
        V sum = t[k * together + k] * p[k][r];
#pragma GCC unroll 8
        for (int j = k + 1; j < together; ++j) sum += t[k * together + j] * p[j][r];
        p[k][r] = sum;
      }
    (scatter<0, i + 1>(v + i * together, x + i * ld, p), ...);
    for (Index k = edge; k < last; ++k) scatter<0, together>(v + k * together, x + k * ld, p);
    (scatter<i + 1, together>(v + (last + i) * together, x + (last + i) * ld, p), ...);
  }
};

template <int bytes, int count, class T>
DEEPRMT_LEAF void columns(const T* v, const T* t, Index size, T* x, Index ld) {
  Columns<bytes, count, T>::run(v, t, size, x, ld, std::make_integer_sequence<int, together - 1>{});
}

/// With 32 registers of 64 bytes, three columns of packs at once; with 16 shorter ones, one register at once.
template <class T>
DEEPRMT_LEAF void wide_loop(const T* v, const T* t, Index size, T* x, Index packs) {
  const Index ld = packs * pack<T>;
  if (packs == 3)
    columns<64, 3>(v, t, size, x, ld);
  else if (packs == 2)
    columns<64, 2>(v, t, size, x, ld);
  else
    columns<64, 1>(v, t, size, x, ld);
}
template <class T, int bytes>
DEEPRMT_LEAF void narrow_loop(const T* v, const T* t, Index size, T* x, Index packs) {
  constexpr Index width = bytes / static_cast<Index>(sizeof(T));
  for (Index c = 0; c < packs * pack<T>; c += width) columns<bytes, 1>(v, t, size, x + c, packs * pack<T>);
}

}  // namespace

template <class T>
void turn(const T* v, const T* t, Index size, T* x, Index packs) {
  if (detail::chosen_set == InstructionSet::v4)
    clones<wide_loop<T>>(v, t, size, x, packs);
  else if (detail::chosen_set == InstructionSet::v3)
    clones<narrow_loop<T, 32>>(v, t, size, x, packs);
  else
    clones<narrow_loop<T, 16>>(v, t, size, x, packs);
}

template void turn<float>(const float*, const float*, Index, float*, Index);
template void turn<double>(const double*, const double*, Index, double*, Index);

}  // namespace deeprmt::linalg::turns
