#include "power_kernel.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "kernel_functions.hpp"

namespace deeprmt::meanfield {
namespace {

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

/// b0 <- c + x b1 - b0 for a strip: a step of Clenshaw's recursion, x twice the argument.
template <class T>
DEEPRMT_LEAF void clenshaw_pass(const T* x, const T* next, T* last, T c, Index n) {
  for (Index j = 0; j < n; ++j) last[j] = c + x[j] * next[j] - last[j];
}
template <class T>
DEEPRMT_LEAF void horner_pass(const T* x, T* sum, T c, Index n) {
  for (Index j = 0; j < n; ++j) sum[j] = sum[j] * x[j] + c;
}

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

}  // namespace

PowerKernel::PowerKernel(int order) : order_(order) {
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
  p_ = p, q_ = q;
  for (double& c : p_) c /= at_zero;
  for (double& c : q_) c /= at_zero;
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
  tail_ = chebyshev(at);  // in 4 t - 1
  if (order == 0) return;
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
  gap_ = chebyshev(at);  // in 4 angle / pi - 1
}

template <class T>
void PowerKernel::pass(bool gap, const T* state, T* out, Strips<T>& s, Index n) const {
  clones<angle_pass<T>>(state, s.a, s.b, n);
  if (gap) {
    for (Index j = 0; j < n; ++j) s.x[j] = 2 * (s.a[j] * (4 * std::numbers::inv_pi_v<T>)-1);
    series(gap_, s.x, s.d, s.c, n);
  }
  for (Index j = 0; j < n; ++j) s.c[j] = 1 - 2 * s.b[j];
  std::fill_n(s.x, n, T(0));
  std::fill_n(s.y, n, T(0));
  for (std::size_t i = p_.size(); i-- > 0;) clones<horner_pass<T>>(s.c, s.x, static_cast<T>(p_[i]), n);
  for (std::size_t i = q_.size(); i-- > 0;) clones<horner_pass<T>>(s.c, s.y, static_cast<T>(q_[i]), n);
  for (Index j = 0; j < n; ++j) {
    const T sine = 2 * std::sqrt(s.b[j] * (1 - s.b[j]));
    s.x[j] = s.x[j] * (std::numbers::pi_v<T> - s.a[j]) + s.y[j] * sine;
    s.a[j] = sine;
    s.b[j] = 2 * (4 * s.b[j] - 1);
  }
  series(tail_, s.b, s.y, s.c, n);
  for (Index j = 0; j < n; ++j) {
    T tail = s.a[j] * s.y[j];
    for (int i = 0; i < order_; ++i) tail *= s.a[j] * s.a[j];
    const T r = positive(state[j]) ? s.x[j] : tail;
    out[j] = !gap ? r : positive(state[j]) && state[j] < T(0.25) ? s.d[j] * state[j] : 1 - r;
  }
}

template void PowerKernel::pass(bool, const float*, float*, Strips<float>&, Index) const;
template void PowerKernel::pass(bool, const double*, double*, Strips<double>&, Index) const;

}  // namespace deeprmt::meanfield
