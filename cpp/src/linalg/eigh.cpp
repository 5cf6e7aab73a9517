#include "deeprmt/linalg/eigh.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "band.hpp"
#include "chase.hpp"
#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/product.hpp"
#include "deeprmt/linalg/qr.hpp"
#include "scale.hpp"
#include "small.hpp"

namespace deeprmt::linalg {
namespace {

constexpr Index band = 48;

template <class T>
void refuse_asymmetric(MatIn<T> a, T scale) {
  const T allowed = 200 * std::numeric_limits<T>::epsilon();  // the largest entry is in [1, 2)
  for (Index i = 0; i < a.rows(); ++i)
    for (Index j = 0; j < i; ++j)
      check::that(std::abs(a(i, j) * scale - a(j, i) * scale) <= allowed,
                  "eigvalsh: a must be symmetric, but entries (", j, ", ", i, ") and (", i, ", ", j, ") are ", a(j, i),
                  " and ", a(i, j));
}

/// Eigenvalues of the symmetric part of scale * a.
template <class T>
void values_of(MatIn<T> a, T scale, T* values, int threads) {
  const int n = blas::narrow(a.rows());
  Vec<T> off(n);
  int info = 0;
  if (n < small::symmetric_below) {
    small::tridiagonalise(a.data(), n, scale, values, off.data());
  } else {
    const T half = T(0.5);
    Mat<T> w = (a * scale) * half + (a.transpose() * scale) * half;
    reduce_to_symmetric_band<T>(w, band, threads);
    band_to_tridiagonal<T>(w, band, Eigen::Map<Vec<T>>(values, n), off, nullptr, threads);
  }
  blas::call<T>(blas::Routine::sterf, &n, values, off.data(), &info);
  if (info != 0) throw std::runtime_error("eigvalsh: LAPACK sterf did not converge, info " + std::to_string(info));
}

}  // namespace

template <class T>
void eigvalsh(const T* stack, Index count, Index n, MatOut<T> out, int threads) {
  check::shape("eigvalsh", "out", out, count, n);
  if (n == 0) return;
  parallel_samples(count, threads, n < small::symmetric_below, [&](Index c, int inner_threads) {
    const Eigen::Map<const Mat<T>> a(stack + c * n * n, n, n);
    const T scale = scale_to_one<T>("eigvalsh", a);
    if (scale == 0) return out.row(c).setZero(), void();
    refuse_asymmetric<T>(a, scale);
    values_of<T>(a, scale, &out(c, 0), inner_threads);
    out.row(c) /= scale;
  });
}

#define DEEPRMT_INSTANTIATE(T) template void eigvalsh<T>(const T*, Index, Index, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
