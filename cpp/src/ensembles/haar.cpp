#include "deeprmt/ensembles/haar.hpp"

#include <algorithm>
#include <cmath>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/qr.hpp"

namespace deeprmt::ensembles {
namespace {

constexpr Index block_size = 96;

/// Reflectors top, top + 1, ... of a Haar matrix of size n, and the signs of the R that they would leave.
template <class T>
linalg::BlockReflector<T> gaussian_reflectors(Stream stream, Index n, Index top, Index count, T* signs, int threads) {
  linalg::BlockReflector<T> block{Mat<T>::Zero(count, n - top), {}};
  Vec<T> tau(count);
  const double normals_cost = 60.0 * static_cast<double>(count * (n - top));
  parallel_for(count, useful_threads(normals_cost, threads), [&](Index j) {
    const Index length = n - top - j;
    T* x = &block.vt(j, j);
    normals<T>(stream, static_cast<std::uint64_t>(top + j) * n, x, length);
    const T alpha = x[0];
    signs[j] = alpha < 0 ? 1 : -1;  // of beta = -sign(alpha) |x|
    if (length == 1) {              // nothing to reflect: R is the number itself
      signs[j] = -signs[j];
      tau[j] = 0;
    } else {
      const Eigen::Map<Vec<T>> v(x, length);
      const T norm = v.norm(), beta = -std::copysign(norm, alpha);
      tau[j] = (beta - alpha) / beta;
      const T below = alpha - beta;
      for (Index i = 1; i < length; ++i) x[i] /= below;
    }
    x[0] = 1;
  });
  linalg::complete(block, tau, threads);
  return block;
}

template <class T>
void scale_columns(MatOut<T> q, const Vec<T>& by, int threads) {
  parallel_ranges(q.rows(), 64, useful_threads(10.0 * static_cast<double>(q.size()), threads),
                  [&](Index begin, Index end) {
                    for (Index i = begin; i < end; ++i) q.row(i).array() *= by.transpose().array();
                  });
}

}  // namespace

template <class T>
void haar(Stream stream, MatOut<T> out, int threads) {
  const Index n = out.rows(), k = out.cols();
  check::that(k <= n, "haar: k must be at most n = ", n, ", got ", k);
  out.setZero();
  out.diagonal().setOnes();
  Vec<T> signs(k);
  Mat<T> work;
  for (Index block = (k + block_size - 1) / block_size; block-- > 0;) {
    check_interrupt();
    const Index top = block * block_size, count = std::min(block_size, k - top);
    const auto reflectors = gaussian_reflectors<T>(stream, n, top, count, signs.data() + top, threads);
    linalg::apply_left<T>(reflectors, 'N', out.block(top, top, n - top, k - top), work, threads);
  }
  scale_columns<T>(out, signs, threads);
}

template <class T>
void haar_by_qr(Stream stream, MatOut<T> out, int threads) {
  const Index n = out.rows(), k = out.cols();
  check::that(k <= n, "haar: k must be at most n = ", n, ", got ", k);
  Mat<T> g(n, k);
  normals<T>(stream, g, T(1), threads);
  const auto blocks = linalg::factor<T>(g, true, threads);
  const Vec<T> signs = g.diagonal().unaryExpr([](T r) { return std::copysign(T(1), r); });
  linalg::form_q<T>(blocks, out, threads);
  scale_columns<T>(out, signs, threads);
}

#define DEEPRMT_INSTANTIATE(T)                   \
  template void haar<T>(Stream, MatOut<T>, int); \
  template void haar_by_qr<T>(Stream, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::ensembles
