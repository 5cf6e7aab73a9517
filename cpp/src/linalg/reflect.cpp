#include "reflect.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "deeprmt/core/clones.hpp"
#include "pack.hpp"

namespace deeprmt::linalg::reflect {
namespace {

// Each row r: r -= tau (r . v) v, with `count` packs a row known when compiled, so that rows stay in registers.
template <Index count, class T>
DEEPRMT_LEAF void right_fixed(T* block, Index ld, Index rows, const T* v, T tau) {
  const Pack<T>* w = packs_at(v);
  for (Index i = 0; i < rows; ++i) {
    Pack<T>* row = packs_at(block + i * ld);
    Pack<T> even = row[0] * w[0], odd = {};
    for (Index k = 1; k < count; ++k) (k % 2 ? odd : even) += row[k] * w[k];
    const T scale = tau * sum<T>(even + odd);
    for (Index k = 0; k < count; ++k) row[k] -= scale * w[k];
  }
}

template <class T>
DEEPRMT_LEAF void right(T* block, Index ld, Index rows, Index packs, const T* v, T tau) {
  switch (packs) {
    case 1:
      return right_fixed<1>(block, ld, rows, v, tau);
    case 2:
      return right_fixed<2>(block, ld, rows, v, tau);
    case 3:
      return right_fixed<3>(block, ld, rows, v, tau);
    case 4:
      return right_fixed<4>(block, ld, rows, v, tau);
    case 5:
      return right_fixed<5>(block, ld, rows, v, tau);
    case 6:
      return right_fixed<6>(block, ld, rows, v, tau);
    case 7:
      return right_fixed<7>(block, ld, rows, v, tau);
    case 8:
      return right_fixed<8>(block, ld, rows, v, tau);
    default:
      return right_fixed<most_packs>(block, ld, rows, v, tau);
  }
}

/// Zeros, then ones: from entry pack - k on, a pack whose first k entries are zero.
template <class T>
struct Mask {
  T entry[2 * pack<T>];
  constexpr Mask() : entry() {
    for (Index l = pack<T>; l < 2 * pack<T>; ++l) entry[l] = 1;
  }
};
template <class T>
constexpr Mask<T> mask;

/// Zeros in the first `count` entries, ones in the others.
template <class T>
DEEPRMT_LEAF Pack<T> all_but(Index count) {
  Pack<T> ones;
  __builtin_memcpy(&ones, mask<T>.entry + pack<T> - count, sizeof(ones));
  return ones;
}

// w = u^T B, then B -= tau u w, in strips of columns that stay in the nearest cache; the first `skip` columns stay.
template <Index width, class T>
DEEPRMT_LEAF void left_strip(T* block, Index ld, Index rows, Index skip, const T* u, T tau) {
  Pack<T> w[width] = {};
  for (Index i = 0; i < rows; ++i) {
    const Pack<T>* row = packs_at(block + i * ld);
    for (Index k = 0; k < width; ++k) w[k] += u[i] * row[k];
  }
  w[0] *= all_but<T>(skip);
  for (Index k = 0; k < width; ++k) w[k] *= tau;
  for (Index i = 0; i < rows; ++i) {
    Pack<T>* row = packs_at(block + i * ld);
    for (Index k = 0; k < width; ++k) row[k] -= u[i] * w[k];
  }
}

template <class T>
DEEPRMT_LEAF void left(T* block, Index ld, Index rows, Index packs, Index skip, const T* u, T tau) {
  for (; packs >= 4; packs -= 4, block += 4 * pack<T>, skip = 0) left_strip<4>(block, ld, rows, skip, u, tau);
  for (; packs >= 1; packs -= 1, block += pack<T>, skip = 0) left_strip<1>(block, ld, rows, skip, u, tau);
}

/// As `make`, for entries whose squares may underflow: v, without alpha, is first scaled by a power of two.
template <class T>
T make_tiny(T* v, Index size, Index pivot, T alpha, T& beta) {
  T largest = std::abs(alpha), square = 0;
  for (Index i = 0; i < size; ++i) largest = std::max(largest, std::abs(v[i]));
  const T up =
      largest == 0 ? T(1) : std::ldexp(T(1), std::min(-std::ilogb(largest), std::numeric_limits<T>::max_exponent - 2));
  for (Index i = 0; i < size; ++i) {
    v[i] *= up;
    square += v[i] * v[i];
  }
  if (square == 0) {  // nothing there, or nothing beside alpha
    std::fill_n(v, size, T(0));
    v[pivot] = 1;
    beta = alpha;
    return 0;
  }
  const T a = alpha * up, b = -std::copysign(std::sqrt(a * a + square), a);
  for (Index i = 0; i < size; ++i) v[i] /= a - b;
  v[pivot] = 1;
  beta = b / up;
  return (b - a) / b;
}

template <class T>
DEEPRMT_LEAF T make_loop(T* v, Index packs, Index pivot, T& beta) {
  const T alpha = v[pivot];
  v[pivot] = 0;
  Pack<T>* w = packs_at(v);
  Pack<T> squares = w[0] * w[0];
  for (Index k = 1; k < packs; ++k) squares += w[k] * w[k];
  const T below = sum<T>(squares), all = alpha * alpha + below;
  constexpr T tiny =
      std::numeric_limits<T>::min() / std::numeric_limits<T>::epsilon() / std::numeric_limits<T>::epsilon();
  if (below < tiny) return make_tiny(v, packs * pack<T>, pivot, alpha, beta);
  beta = -std::copysign(std::sqrt(all), alpha);
  const T scale = 1 / (alpha - beta);
  for (Index k = 0; k < packs; ++k) w[k] *= scale;
  v[pivot] = 1;
  return (beta - alpha) / beta;
}

// D <- D - v w^T - w v^T with w = p - (tau / 2) (p . v) v, p = tau D v, from the upper triangle alone: row i adds its
// part right of the diagonal to p_i, and v_i times that row to the rest of p.
template <class T>
DEEPRMT_LEAF void both(T* block, Index ld, Index rows, Index packs, Index first, const T* v, T tau, T* p) {
  alignas(64) T dots[most_packs * pack<T>] = {};
  const Pack<T>* w = packs_at(v);
  Pack<T>*q = packs_at(p), *r = packs_at(dots);
  for (Index k = 0; k < packs; ++k) q[k] = Pack<T>{};
  for (Index i = 0; i < rows; ++i) {
    const T* entries = block + i * ld;
    const Pack<T>* row = packs_at(entries);
    const T vi = v[first + i];
    Pack<T> dot = {};
    for (Index k = (first + i) / pack<T>; k < packs; ++k) {
      dot += row[k] * w[k];
      q[k] += vi * row[k];
    }
    dots[first + i] = sum<T>(dot) - entries[first + i] * vi;
  }
  for (Index j = first + rows; j < packs * pack<T>; ++j) p[j] = 0;  // of columns beyond the block
  Pack<T> along = {};
  for (Index k = 0; k < packs; ++k) {
    q[k] = tau * (q[k] + r[k]);
    along += q[k] * w[k];
  }
  const T shift = tau * sum<T>(along) / 2;
  for (Index k = 0; k < packs; ++k) q[k] -= shift * w[k];
  for (Index i = 0; i < rows; ++i) {
    Pack<T>* row = packs_at(block + i * ld);
    const Index begin = (first + i) / pack<T>;
    const T vi = v[first + i], pi = p[first + i];
    row[begin] -= all_but<T>((first + i) % pack<T>) * (vi * q[begin] + pi * w[begin]);
    for (Index k = begin + 1; k < packs; ++k) row[k] -= vi * q[k] + pi * w[k];
  }
}

}  // namespace

template <class T>
T make(T* v, Index packs, Index pivot, T& beta) {
  return clones<make_loop<T>>(v, packs, pivot, beta);
}
template <class T>
void from_left(T* block, Index ld, Index rows, Index packs, Index skip, const T* u, T tau) {
  clones<left<T>>(block, ld, rows, packs, skip, u, tau);
}
template <class T>
void from_right(T* block, Index ld, Index rows, Index packs, const T* v, T tau) {
  clones<right<T>>(block, ld, rows, packs, v, tau);
}
template <class T>
void from_both(T* block, Index ld, Index rows, Index packs, Index first, const T* v, T tau, T* p) {
  clones<both<T>>(block, ld, rows, packs, first, v, tau, p);
}

#define DEEPRMT_INSTANTIATE(T)                                             \
  template T make<T>(T*, Index, Index, T&);                                \
  template void from_left<T>(T*, Index, Index, Index, Index, const T*, T); \
  template void from_right<T>(T*, Index, Index, Index, const T*, T);       \
  template void from_both<T>(T*, Index, Index, Index, Index, const T*, T, T*);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg::reflect
