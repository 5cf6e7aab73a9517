#include "deeprmt/linalg/band.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/linalg/reflector.hpp"

namespace deeprmt::linalg {

template <class T>
void reduce_to_band(MatOut<T> a, Index band, int threads) {
  const Index m = a.rows(), n = a.cols();
  check::that(m >= n && band >= 1, "reduce_to_band: wants rows >= columns and a band of at least 1, got (", m, ", ", n,
              ") and ", band);
  Mat<T> panel, work;
  for (Index k = 0; k < n; k += band) {
    check_interrupt();
    const Index b = std::min(band, n - k), right = k + b, rest = n - right;
    panel = a.block(k, k, m - k, b).transpose();
    const auto left = factor_rows<T>(panel);
    a.block(k, k, b, b) = panel.leftCols(b).transpose();
    if (rest == 0) break;
    apply_left<T>(left, 'T', a.block(k, right, m - k, rest), work, threads);
    const Index w = std::min(b, rest);  // with fewer columns than rows left, the last rows are inside the band already
    const auto turned = factor_rows<T>(a.block(k, right, w, rest));
    apply_right<T>(turned, 'N', a.block(k + w, right, m - k - w, rest), work, threads);
  }
}

namespace {

// ---- leaf loops; `ld` is the distance between rows ----

constexpr int lanes = 16;

// w_j = sum_i u_i B_ij, then B_ij -= tau u_i w_j: a reflector from the left.
template <class T>
[[gnu::always_inline]] inline void reflect_left_loop(T* block, Index ld, Index rows, Index cols, const T* u, T tau, T* w) {
  for (Index j = 0; j < cols; ++j) w[j] = 0;
  Index i = 0;
  for (; i + 4 <= rows; i += 4) {
    const T *r0 = block + i * ld, *r1 = r0 + ld, *r2 = r1 + ld, *r3 = r2 + ld;
    const T u0 = u[i], u1 = u[i + 1], u2 = u[i + 2], u3 = u[i + 3];
    for (Index j = 0; j < cols; ++j) w[j] += (u0 * r0[j] + u1 * r1[j]) + (u2 * r2[j] + u3 * r3[j]);
  }
  for (; i < rows; ++i)
    for (Index j = 0; j < cols; ++j) w[j] += u[i] * block[i * ld + j];
  for (i = 0; i < rows; ++i) {
    const T scale = tau * u[i];
    T* row = block + i * ld;
    for (Index j = 0; j < cols; ++j) row[j] -= scale * w[j];
  }
}

// Each row r: r -= tau (r . v) v: a reflector from the right. The dot product has a fixed order of summation.
template <class T>
[[gnu::always_inline]] inline void reflect_right_loop(T* block, Index ld, Index rows, Index cols, const T* v, T tau) {
  for (Index i = 0; i < rows; ++i) {
    T* row = block + i * ld;
    T sum[lanes] = {};
    Index j = 0;
    for (; j + lanes <= cols; j += lanes)
      for (int l = 0; l < lanes; ++l) sum[l] += row[j + l] * v[j + l];
    for (int l = 0; j < cols; ++j, ++l) sum[l] += row[j] * v[j];
    for (int half = lanes / 2; half > 0; half /= 2)
      for (int l = 0; l < half; ++l) sum[l] += sum[l + half];
    const T scale = tau * sum[0];
    for (j = 0; j < cols; ++j) row[j] -= scale * v[j];
  }
}

#define DEEPRMT_LEAVES(T)                                                                                          \
  DEEPRMT_CLONES void reflect_left(T* block, Index ld, Index rows, Index cols, const T* u, T tau, T* w) {          \
    reflect_left_loop(block, ld, rows, cols, u, tau, w);                                                           \
  }                                                                                                                \
  DEEPRMT_CLONES void reflect_right(T* block, Index ld, Index rows, Index cols, const T* v, T tau) {               \
    reflect_right_loop(block, ld, rows, cols, v, tau);                                                             \
  }
DEEPRMT_LEAVES(float)
DEEPRMT_LEAVES(double)

// The reflector I - tau v v^T, v_0 = 1, that takes x to (beta, 0, ...); x is read with distance `step`.
template <class T>
T householder(const T* x, Index step, Index n, T* v) {
  T largest = 0;
  for (Index i = 0; i < n; ++i) {
    v[i] = x[i * step];
    if (i > 0) largest = std::max(largest, std::abs(v[i]));
  }
  if (largest == 0) {
    v[0] = 1;
    return 0;
  }
  // Squares of tiny entries would be subnormal, and the reflector no reflector: scale by a power of two first.
  largest = std::max(largest, std::abs(v[0]));
  if (largest < std::sqrt(std::numeric_limits<T>::min()) / std::numeric_limits<T>::epsilon()) {
    const T up = std::ldexp(T(1), std::min(-std::ilogb(largest), std::numeric_limits<T>::max_exponent - 2));
    for (Index i = 0; i < n; ++i) v[i] *= up;
  }
  T square = 0;
  for (Index i = 1; i < n; ++i) square += v[i] * v[i];
  if (square == 0) {  // negligible beside v_0
    std::fill_n(v, n, T(0));
    v[0] = 1;
    return 0;
  }
  const T alpha = v[0], beta = -std::copysign(std::sqrt(alpha * alpha + square), alpha), below = alpha - beta;
  for (Index i = 1; i < n; ++i) v[i] /= below;
  v[0] = 1;
  return (beta - alpha) / beta;
}

}  // namespace

template <class T>
void band_to_bidiagonal(MatIn<T> a, Index band, VecOut<T> diagonal, VecOut<T> superdiagonal) {
  const Index n = a.cols(), b = std::min(band, std::max<Index>(n - 1, 1));
  // Row i holds columns i - b + 1 .. i + 2b - 1: the band and the bulges. Going down a row at fixed column moves by ld.
  const Index width = 3 * b - 1, ld = width - 1, low = b - 1;
  std::vector<T> store(static_cast<std::size_t>(n * width), T(0));
  const auto at = [&](Index i, Index j) -> T* { return store.data() + i * width + (j - i + low); };
  for (Index i = 0; i < n; ++i)
    for (Index j = i; j <= std::min(i + b, n - 1); ++j) *at(i, j) = a(i, j);

  std::vector<T> v(static_cast<std::size_t>(b)), w(static_cast<std::size_t>(2 * b));
  for (Index i = 0; b > 1 && i + 2 < n; ++i) {
    check_interrupt();
    // Columns first..last take row `row` to one entry beyond its band; the bulge that this makes is chased downwards.
    for (Index row = i, first = i + 1;;) {
      const Index last = std::min(first + b - 1, n - 1), count = last - first + 1;
      if (count <= 1 && row != i) break;
      T tau = householder(at(row, first), 1, count, v.data());
      // The rows that reach into these columns: from the one annihilated down to the diagonal of the last column.
      reflect_right(at(row, first), ld, last - row + 1, count, v.data(), tau);
      tau = householder(at(first, first), ld, count, v.data());
      reflect_left(at(first, first), ld, count, std::min(last + b, n - 1) - first + 1, v.data(), tau, w.data());
      row = first;
      first += b;
      if (first >= n) break;
    }
  }
  for (Index i = 0; i < n; ++i) {
    diagonal[i] = *at(i, i);
    if (i + 1 < n) superdiagonal[i] = *at(i, i + 1);
  }
}

#define DEEPRMT_INSTANTIATE(T)                                       \
  template void reduce_to_band<T>(MatOut<T>, Index, int);            \
  template void band_to_bidiagonal<T>(MatIn<T>, Index, VecOut<T>, VecOut<T>);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
