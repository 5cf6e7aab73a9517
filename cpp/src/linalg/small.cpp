#include "small.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "deeprmt/core/clones.hpp"
#include "pack.hpp"

namespace deeprmt::linalg::small {
namespace {

// A row is a whole number of packs of 64 bytes, the widest register there is; past its end stand zeros. What is to
// begin at column j begins at the pack of column j, with zeros before j: so no loop has a remainder.
/// Packs of a row of n entries.
template <class T>
constexpr Index packs_of(Index n) {
  return (n + pack<T> - 1) / pack<T>;
}

/// The distance between rows: rows a multiple of 1 KiB apart would share few sets of the cache.
template <class T>
constexpr Index distance(Index n) {
  const Index count = packs_of<T>(n);
  return (count % 16 == 0 ? count + 1 : count) * pack<T>;
}

/// Aligned zeros: the matrix, and rows of scratch after it.
template <class T>
class Store {
 public:
  Store(Index rows, Index ld) : ld_(ld), memory_(static_cast<std::size_t>(rows * ld + pack<T>), T(0)) {
    const auto past = reinterpret_cast<std::uintptr_t>(memory_.data()) % 64;
    begin_ = memory_.data() + (past == 0 ? 0 : (64 - past) / sizeof(T));
  }
  T* row(Index i) { return begin_ + i * ld_; }

 private:
  Index ld_;
  std::vector<T> memory_;
  T* begin_;
};

/// I - tau v v^T takes x to (beta, 0, ...).
template <class T>
struct Reflector {
  T beta, tau;
};

/// Squares of an entry below this lose digits to underflow: such a vector is scaled up first. Far from usual.
template <class T>
constexpr T least_square =
    std::numeric_limits<T>::min() / (std::numeric_limits<T>::epsilon() * std::numeric_limits<T>::epsilon());

template <class T>
[[gnu::noinline]] T scale_up(T* v, Index begin, Index end) {
  T largest = 0;
  for (Index i = begin; i < end; ++i) largest = std::max(largest, std::abs(v[i]));
  const T up = std::ldexp(T(1), std::min(-std::ilogb(largest), std::numeric_limits<T>::max_exponent - 1));
  for (Index i = begin; i < end; ++i) v[i] *= up;
  return up;
}

/// v holds x from entry `begin` on and becomes the vector of its reflector, v_begin = 1, with zeros before.
template <class T>
DEEPRMT_LEAF Reflector<T> reflector(T* v, Index begin, Index end) {
  const Index first = begin / pack<T>, last = packs_of<T>(end);
  for (Index i = first * pack<T>; i < begin; ++i) v[i] = 0;
  T alpha = v[begin], up = 1;
  v[begin] = 0;
  const auto squares = [&]() __attribute__((always_inline)) {
    Pack<T> total = {};
    for (Index p = first; p < last; ++p) total += packs_at(v)[p] * packs_at(v)[p];
    return sum<T>(total);
  };
  T square = squares();
  if (alpha * alpha + square < least_square<T>) [[unlikely]] {
    v[begin] = alpha;
    if (!std::any_of(v + begin, v + end, [](T x) { return x != 0; })) return v[begin] = 1, Reflector<T>{0, 0};
    up = scale_up(v, begin, end);
    alpha = v[begin];
    v[begin] = 0;
    square = squares();
  }
  Reflector<T> made{alpha / up, 0};
  T factor = 0;
  if (square > 0) {
    const T beta = -std::copysign(std::sqrt(alpha * alpha + square), alpha);
    factor = 1 / (alpha - beta);
    made = {beta / up, (beta - alpha) / beta};
  }
  for (Index p = first; p < last; ++p) packs_at(v)[p] *= factor;
  v[begin] = 1;
  return made;
}

/// Rows from `row` on lose a_r v + b_r y; then dots_r is their product with next. Columns from pack `first` on.
template <bool update, int rows, class T>
DEEPRMT_LEAF void update_and_dot(T* w, Index ld, Index row, Index first, Index last, const T* a, const T* v, const T* b,
                                 const T* y, const T* next, T* dots) {
  Pack<T> total[rows] = {};
  for (Index p = first; p < last; ++p) {
    const Pack<T> vp = update ? packs_at(v)[p] : Pack<T>{}, yp = update ? packs_at(y)[p] : Pack<T>{},
                  np = packs_at(next)[p];
    for (int i = 0; i < rows; ++i) {
      Pack<T>& entry = packs_at(w + (row + i) * ld)[p];
      Pack<T> x = entry;
      if constexpr (update) {
        x -= a[row + i] * vp + b[row + i] * yp;
        entry = x;
      }
      total[i] += x * np;
    }
  }
  for (int i = 0; i < rows; ++i) dots[row + i] = sum<T>(total[i]);
}

template <bool update, class T>
DEEPRMT_LEAF void update_and_dot(T* w, Index ld, Index row, Index end, Index first, Index last, const T* a, const T* v,
                                 const T* b, const T* y, const T* next, T* dots) {
  for (; row + 4 <= end; row += 4) update_and_dot<update, 4>(w, ld, row, first, last, a, v, b, y, next, dots);
  for (; row < end; ++row) update_and_dot<update, 1>(w, ld, row, first, last, a, v, b, y, next, dots);
}

/// y = factor (sum over rows of u_r w_r + shift v), `count` packs from p on.
template <int count, class T>
DEEPRMT_LEAF void combine(const T* w, Index ld, Index row, Index end, Index p, const T* u, T factor, T shift,
                          const T* v, T* y) {
  Pack<T> even[count] = {}, odd[count] = {};
  for (; row + 2 <= end; row += 2) {
    const Pack<T>*r0 = packs_at(w + row * ld) + p, *r1 = packs_at(w + (row + 1) * ld) + p;
    for (int i = 0; i < count; ++i) {
      even[i] += u[row] * r0[i];
      odd[i] += u[row + 1] * r1[i];
    }
  }
  if (row < end)
    for (int i = 0; i < count; ++i) even[i] += u[row] * packs_at(w + row * ld)[p + i];
  for (int i = 0; i < count; ++i) packs_at(y)[p + i] = factor * (even[i] + odd[i] + shift * packs_at(v)[p + i]);
}

/// The (k, n) matrix w, k <= n, has become q B p^T with B lower bidiagonal.
template <class T>
DEEPRMT_LEAF void bidiagonalise_rows(T* w, Index ld, Index k, Index n, T* v, T* next, T* y, T* u, T* dots, T* diagonal,
                                     T* below) {
  const Index last = packs_of<T>(n);
  std::copy_n(w, n, v);
  Reflector<T> right = reflector(v, 0, n);
  diagonal[0] = right.beta;
  update_and_dot<false>(w, ld, 1, k, 0, last, v, v, v, v, v, dots);
  for (Index j = 0; j + 1 < k; ++j) {
    // Column j as the reflector of row j leaves it, v_j = 1, makes the left reflector.
    for (Index r = j + 1; r < k; ++r) u[r] = w[r * ld + j] - (dots[r] *= right.tau);
    const Reflector<T> left = reflector(u, j + 1, k);
    below[j] = left.beta;
    // (I - t u u^T) (w - dots v^T) = w - dots v^T - u y^T with y = t (w^T u - (u . dots) v).
    T shift = 0;
    for (Index r = j + 1; r < k; ++r) shift -= u[r] * dots[r];
    Index p = (j + 1) / pack<T>;
    const Index first = p;
    for (; p + 4 <= last; p += 4) combine<4>(w, ld, j + 1, k, p, u, left.tau, shift, v, y);
    for (; p < last; ++p) combine<1>(w, ld, j + 1, k, p, u, left.tau, shift, v, y);
    const T* row = w + (j + 1) * ld;
    for (p = first; p < last; ++p)
      packs_at(next)[p] = packs_at(row)[p] - (dots[j + 1] * packs_at(v)[p] + packs_at(y)[p]);
    right = reflector(next, j + 1, n);
    diagonal[j + 1] = right.beta;
    update_and_dot<true>(w, ld, j + 2, k, first, last, dots, v, u, y, next, dots);
    std::swap(v, next);
  }
}

/// Rows from `row` on of a symmetric matrix, all in one pack's columns: w loses v_r x + x_r v, and its product with
/// next is added to dots. What stands left of the block on the diagonal is not touched: what stands right of it counts
/// twice.
template <bool update, int rows, class T>
DEEPRMT_LEAF void symmetric_rows(T* w, Index ld, Index row, Index last, const T* v, const T* x, const T* next,
                                 T* dots) {
  const Index own = row / pack<T>;
  Pack<T> total[rows] = {};
  for (Index p = own; p < last; ++p) {
    const Pack<T> vp = update ? packs_at(v)[p] : Pack<T>{}, xp = update ? packs_at(x)[p] : Pack<T>{},
                  np = packs_at(next)[p];
    Pack<T> below = {};
    for (int i = 0; i < rows; ++i) {
      Pack<T>& entry = packs_at(w + (row + i) * ld)[p];
      Pack<T> now = entry;
      if constexpr (update) {
        now -= v[row + i] * xp + x[row + i] * vp;
        entry = now;
      }
      total[i] += now * np;
      below += now * next[row + i];
    }
    if (p > own) packs_at(dots)[p] += below;
  }
  for (int i = 0; i < rows; ++i) dots[row + i] += sum<T>(total[i]);
}

/// The same for rows `row`, ..., end - 1, once dots is cleared.
template <bool update, class T>
DEEPRMT_LEAF void symmetric_update_and_dot(T* w, Index ld, Index row, Index end, Index last, const T* v, const T* x,
                                           const T* next, T* dots) {
  for (Index p = row / pack<T>; p < last; ++p) packs_at(dots)[p] = Pack<T>{};
  while (row < end) {
    const Index stop = std::min(end, (row / pack<T> + 1) * pack<T>);
    for (; row + 4 <= stop; row += 4) symmetric_rows<update, 4>(w, ld, row, last, v, x, next, dots);
    for (; row < stop; ++row) symmetric_rows<update, 1>(w, ld, row, last, v, x, next, dots);
  }
}

/// The symmetric matrix w has become q T q^T with T tridiagonal. Of w only the blocks on and right of the diagonal
/// count.
template <class T>
DEEPRMT_LEAF void tridiagonalise_rows(T* w, Index ld, Index n, T* v, T* next, T* x, T* dots, T* diagonal, T* below) {
  const Index last = packs_of<T>(n);
  diagonal[0] = w[0];
  if (n == 1) return;
  std::copy_n(w, n, v);
  Reflector<T> made = reflector(v, 1, n);
  below[0] = made.beta;
  symmetric_update_and_dot<false>(w, ld, 1, n, last, v, v, v, dots);
  for (Index j = 1;; ++j) {
    // (I - t v v^T) w (I - t v v^T) = w - v x^T - x v^T with x = t p - (t^2 / 2) (p . v) v, p = w v.
    Index first = j / pack<T>;
    Pack<T> total = {};
    for (Index i = first * pack<T>; i < j; ++i) dots[i] = 0;
    for (Index p = first; p < last; ++p) total += packs_at(dots)[p] * packs_at(v)[p];
    const T shift = made.tau * made.tau * sum<T>(total) / 2;
    for (Index p = first; p < last; ++p) packs_at(x)[p] = made.tau * packs_at(dots)[p] - shift * packs_at(v)[p];
    diagonal[j] = w[j * ld + j] - 2 * x[j];  // v_j = 1
    if (j + 1 == n) return;
    const T* row = w + j * ld;
    for (Index p = first; p < last; ++p)
      packs_at(next)[p] = packs_at(row)[p] - (packs_at(x)[p] + x[j] * packs_at(v)[p]);
    made = reflector(next, j + 1, n);
    below[j] = made.beta;
    symmetric_update_and_dot<true>(w, ld, j + 1, n, last, v, x, next, dots);
    std::swap(v, next);
  }
}

template <class T>
void bidiagonalise_copy(const T* a, Index m, Index n, T scale, T* diagonal, T* beside) {
  const Index rows = std::min(m, n), cols = std::max(m, n), ld = distance<T>(cols);
  Store<T> store(rows + 5, ld);
  if (m <= n)
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < cols; ++j) store.row(i)[j] = scale * a[i * n + j];
  else
    for (Index i = 0; i < m; ++i)
      for (Index j = 0; j < n; ++j) store.row(j)[i] = scale * a[i * n + j];
  clones<bidiagonalise_rows<T>>(store.row(0), ld, rows, cols, store.row(rows), store.row(rows + 1), store.row(rows + 2),
                                store.row(rows + 3), store.row(rows + 4), diagonal, beside);
}

template <class T>
void tridiagonalise_copy(const T* a, Index n, T scale, T* diagonal, T* beside) {
  const Index ld = distance<T>(n);
  const T half = scale / 2;
  Store<T> store(n + 4, ld);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j <= i; ++j) store.row(i)[j] = store.row(j)[i] = half * a[i * n + j] + half * a[j * n + i];
  clones<tridiagonalise_rows<T>>(store.row(0), ld, n, store.row(n), store.row(n + 1), store.row(n + 2),
                                 store.row(n + 3), diagonal, beside);
}

}  // namespace

bool holds_singular(Index m, Index n) {
  const Index k = std::min(m, n), longer = std::max(m, n);
  return k < singular_below && (2 * longer <= 3 * k || k * longer <= 128 * 128);  // else first down to a triangle
}

void bidiagonalise(const float* a, Index m, Index n, float scale, float* diagonal, float* beside) {
  bidiagonalise_copy(a, m, n, scale, diagonal, beside);
}
void bidiagonalise(const double* a, Index m, Index n, double scale, double* diagonal, double* beside) {
  bidiagonalise_copy(a, m, n, scale, diagonal, beside);
}
void tridiagonalise(const float* a, Index n, float scale, float* diagonal, float* beside) {
  tridiagonalise_copy(a, n, scale, diagonal, beside);
}
void tridiagonalise(const double* a, Index n, double scale, double* diagonal, double* beside) {
  tridiagonalise_copy(a, n, scale, diagonal, beside);
}

}  // namespace deeprmt::linalg::small
