#include "chase.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "deeprmt/core/clones.hpp"

namespace deeprmt::linalg::chase {
namespace {

// ---- leaf loops; `ld` is the distance between rows ----

constexpr int lanes = 16;

// w_j = sum_i u_i B_ij, then B_ij -= tau u_i w_j: a reflector from the left.
template <class T>
DEEPRMT_LEAF void reflect_left_loop(T* block, Index ld, Index rows, Index cols, const T* u, T tau, T* w) {
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

// Sum of x_j v_j in a fixed order that vectorises.
template <class T>
[[gnu::always_inline]] inline T dot(const T* x, const T* v, Index n) {
  T sum[lanes] = {};
  Index j = 0;
  for (; j + lanes <= n; j += lanes)
    for (int l = 0; l < lanes; ++l) sum[l] += x[j + l] * v[j + l];
  for (int l = 0; j < n; ++j, ++l) sum[l] += x[j] * v[j];
  for (int half = lanes / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) sum[l] += sum[l + half];
  return sum[0];
}

// Each row r: r -= tau (r . v) v.
template <class T>
DEEPRMT_LEAF void reflect_right_loop(T* block, Index ld, Index rows, Index cols, const T* v, T tau) {
  for (Index i = 0; i < rows; ++i) {
    T* row = block + i * ld;
    const T scale = tau * dot(row, v, cols);
    for (Index j = 0; j < cols; ++j) row[j] -= scale * v[j];
  }
}

// D <- D - v w^T - w v^T with w = p - (tau / 2) (p . v) v, p = tau D v.
template <class T>
DEEPRMT_LEAF void reflect_both_loop(T* block, Index ld, Index n, const T* v, T tau, T* p) {
  for (Index i = 1; i < n; ++i)
    for (Index j = 0; j < i; ++j) block[i * ld + j] = block[j * ld + i];
  for (Index i = 0; i < n; ++i) p[i] = tau * dot(block + i * ld, v, n);
  const T shift = tau * dot(p, v, n) / 2;
  for (Index i = 0; i < n; ++i) p[i] -= shift * v[i];
  for (Index i = 0; i < n; ++i) {
    const T vi = v[i], wi = p[i];
    T* row = block + i * ld;
    for (Index j = i; j < n; ++j) row[j] -= vi * p[j] + wi * v[j];
  }
}

}  // namespace

#define DEEPRMT_LEAVES(T)                                                                  \
  void reflect_left(T* block, Index ld, Index rows, Index cols, const T* u, T tau, T* w) { \
    clones<reflect_left_loop<T>>(block, ld, rows, cols, u, tau, w);                        \
  }                                                                                        \
  void reflect_right(T* block, Index ld, Index rows, Index cols, const T* v, T tau) {      \
    clones<reflect_right_loop<T>>(block, ld, rows, cols, v, tau);                          \
  }                                                                                        \
  void reflect_both(T* block, Index ld, Index n, const T* v, T tau, T* p) {                \
    clones<reflect_both_loop<T>>(block, ld, n, v, tau, p);                                 \
  }
DEEPRMT_LEAVES(float)
DEEPRMT_LEAVES(double)

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

template float householder<float>(const float*, Index, Index, float*);
template double householder<double>(const double*, Index, Index, double*);

}  // namespace deeprmt::linalg::chase
