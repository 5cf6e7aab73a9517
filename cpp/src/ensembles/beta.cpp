#include "deeprmt/ensembles/beta.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "../linalg/bidiagonal.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/linalg/tridiagonal.hpp"

namespace deeprmt::ensembles {
namespace {

constexpr double small = 0x1p-20;  // eigenvalues below that of the largest come out to full relative accuracy

constexpr double largest_shape = 1e300;  // beyond it, a Gamma variable over its shape is 1 in any arithmetic

/// log(1 + w) - w, which is about -w^2 / 2, relative to itself.
double log1p_less(double w) {
  if (std::abs(w) > 0.05) return std::log1p(w) - w;
  double sum = 0;  // the next term is below 0.05^12 of the first
  for (int k = 14; k >= 2; --k) sum = (k % 2 ? 1.0 : -1.0) / k + w * sum;
  return w * w * sum;
}

/// Refuses entries or eigenvalues that a tiny beta has taken beyond the range of T.
template <class T>
void refuse_overflow(const char* function, const std::vector<double>& values) {
  constexpr double most = std::numeric_limits<T>::max();
  for (const double x : values)
    check::that(std::abs(x) <= most, function, ": beta must be so large that no eigenvalue exceeds ", most,
                ", but one does");
}

template <class T>
void copy_out(const char* function, const std::vector<double>& values, MatOut<T> out) {
  refuse_overflow<T>(function, values);
  for (Index i = 0; i < out.cols(); ++i) out(0, i) = static_cast<T>(values[static_cast<std::size_t>(i)]);
}

/// Gives the memory back before the eigenvalues ask for theirs.
void release(std::vector<double>& values) { std::vector<double>().swap(values); }

void check_shapes(const char* function, const std::vector<double>& shapes) {
  for (const double shape : shapes)
    check::that(std::isfinite(shape), function,
                ": beta must be so small that beta times the degrees of freedom is finite");
}

}  // namespace

void gammas(Stream stream, const std::vector<double>& shapes, double* logarithm, double* ratio) {
  const auto n = static_cast<Index>(shapes.size());
  const Stream for_normals = stream;
  Stream for_uniforms = stream, for_powers = stream;
  for_uniforms.part += 1;
  for_powers.part += 2;
  std::vector<double> normal(shapes.size()), uniform(shapes.size());
  normals<double>(for_normals, 0, normal.data(), n);
  uniforms<double>(for_uniforms, 0, uniform.data(), n);
  for (Index i = 0; i < n; ++i) {
    const double shape = std::min(shapes[i], largest_shape);
    const bool is_small = shape < 1;  // then of shape + 1, times a power of a uniform
    const double d = (is_small ? shape + 1 : shape) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    double x = normal[i], u = uniform[i], w = 0;
    for (std::uint64_t attempt = 1;; ++attempt) {
      const double y = c * x;
      w = y * (3 + y * (3 + y));  // (1 + y)^3 - 1
      if (y > -1 && std::log(u) < x * x / 2 + d * log1p_less(w)) break;
      const std::uint64_t at = static_cast<std::uint64_t>(i) + (attempt << 40);
      normals<double>(for_normals, at, &x, 1);
      uniforms<double>(for_uniforms, at, &u, 1);
    }
    double power = 0;
    if (is_small) {
      uniforms<double>(for_powers, static_cast<std::uint64_t>(i), &u, 1);
      power = std::log(u) / shape;
    }
    logarithm[i] = std::log(d) + std::log(shapes[i] / shape) + std::log1p(w) + power;
    const double scale = is_small ? std::exp(power) : 1;
    ratio[i] = scale == 0 ? 0 : d / shape * (1 + w) * scale;
  }
}

template <class T>
void hermite_eigenvalues(Stream stream, double beta, MatOut<T> out, int threads) {
  const Index n = out.cols();
  check::shape("hermite_eigenvalues", "out", out, 1, n);
  check::at_least("hermite_eigenvalues", "n", n, 1);
  const auto size = static_cast<double>(n);
  std::vector<double> d(static_cast<std::size_t>(n)), shape(d.size() - 1), logarithm(d.size()), e(d.size());
  normals<double>(stream, 0, d.data(), n);
  const double sigma = std::sqrt(2 / beta) / std::sqrt(size);
  for (double& x : d) x *= sigma;
  refuse_overflow<double>("hermite_eigenvalues", d);
  for (Index i = 0; i + 1 < n; ++i) shape[i] = beta / 2 * static_cast<double>(n - 1 - i);
  stream.part += 1;
  check_shapes("hermite_eigenvalues", shape);
  gammas(stream, shape, logarithm.data(), e.data());
  for (Index i = 0; i + 1 < n; ++i) e[i] = std::sqrt(static_cast<double>(n - 1 - i) / size * e[i]);
  refuse_overflow<double>("hermite_eigenvalues", e);
  release(shape);
  release(logarithm);
  linalg::eigvals_tridiagonal<double>(n, d.data(), e.data(), d.data(), threads);
  copy_out<T>("hermite_eigenvalues", d, out);
}

template <class T>
void laguerre_eigenvalues(Stream stream, double n, double beta, MatOut<T> out, int threads) {
  const Index p = out.cols();
  check::shape("laguerre_eigenvalues", "out", out, 1, p);
  check::at_least("laguerre_eigenvalues", "p", p, 1);
  check::that(n >= static_cast<double>(p), "laguerre_eigenvalues: n must be at least p = ", p, ", got ", n);
  // Degrees of freedom over beta: of the diagonal, then of what lies below it.
  std::vector<double> degrees(static_cast<std::size_t>(2 * p - 1)), shape(degrees.size());
  std::vector<double> logarithm(degrees.size()), entry(degrees.size());
  for (Index i = 0; i < p; ++i) degrees[i] = n - static_cast<double>(i);
  for (Index i = 0; i + 1 < p; ++i) degrees[p + i] = static_cast<double>(p - 1 - i);
  std::transform(degrees.begin(), degrees.end(), shape.begin(), [&](double k) { return beta / 2 * k; });
  check_shapes("laguerre_eigenvalues", shape);
  gammas(stream, shape, logarithm.data(), entry.data());
  for (std::size_t i = 0; i < entry.size(); ++i) entry[i] = std::sqrt(degrees[i] / n * entry[i]);
  refuse_overflow<double>("laguerre_eigenvalues", entry);
  release(degrees);
  release(shape);
  release(logarithm);
  std::vector<double> values(static_cast<std::size_t>(p));
  linalg::values_of_bidiagonal(p, entry.data(), entry.data() + p, small, values.data(), threads);
  for (double& x : values) x *= x;
  copy_out<T>("laguerre_eigenvalues", values, out);
}

template <class T>
void jacobi_eigenvalues(Stream stream, double a, double b, double beta, MatOut<T> out, int threads) {
  const Index p = out.cols();
  check::shape("jacobi_eigenvalues", "out", out, 1, p);
  check::at_least("jacobi_eigenvalues", "p", p, 1);
  // Gamma variables 4 (i - 1), ...: two for c_i^2, two for c'_i^2, i = 1, ..., p.
  std::vector<double> shape(static_cast<std::size_t>(4 * p)), logarithm(shape.size()), ratio(shape.size());
  for (Index k = 0; k < p; ++k) {
    const auto i = static_cast<double>(k + 1);
    shape[4 * k] = beta / 2 * (a + i);
    shape[4 * k + 1] = beta / 2 * (b + i);
    shape[4 * k + 2] = beta / 2 * i;
    shape[4 * k + 3] = beta / 2 * (a + b + 1 + i);
  }
  check_shapes("jacobi_eigenvalues", shape);
  gammas(stream, shape, logarithm.data(), ratio.data());
  // Beta = x / (x + y), and its complement, by the difference of logarithms: neither is ever 0 / 0.
  const auto cosine = [&](Index at) { return std::sqrt(1 / (1 + std::exp(logarithm[at + 1] - logarithm[at]))); };
  const auto sine = [&](Index at) { return std::sqrt(1 / (1 + std::exp(logarithm[at] - logarithm[at + 1]))); };
  std::vector<double> d(static_cast<std::size_t>(p)), e(d.size()), values(d.size());
  for (Index k = 0; k < p; ++k) {
    const Index at = 4 * (p - 1 - k);  // c_p, s_p stand in the first row
    d[k] = cosine(at) * (k == 0 ? 1 : sine(at + 2));
    if (k > 0) e[k - 1] = sine(at + 4) * cosine(at + 2);
  }
  release(shape);
  release(logarithm);
  release(ratio);
  linalg::values_of_bidiagonal(p, d.data(), e.data(), small, values.data(), threads);
  for (double& x : values) x = std::min(x * x, 1.0);
  copy_out<T>("jacobi_eigenvalues", values, out);
}

#define DEEPRMT_INSTANTIATE(T)                                                   \
  template void hermite_eigenvalues<T>(Stream, double, MatOut<T>, int);          \
  template void laguerre_eigenvalues<T>(Stream, double, double, MatOut<T>, int); \
  template void jacobi_eigenvalues<T>(Stream, double, double, double, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::ensembles
