#include "deeprmt/jacobian/chain.hpp"

#include <algorithm>
#include <cmath>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/product.hpp"
#include "deeprmt/linalg/svd.hpp"

namespace deeprmt::jacobian {
namespace {

constexpr Index narrow_width = 1024;

template <class T>
void refuse_non_finite(const char* what, Index layer, const Vec<T>& values) {
  for (Index i = 0; i < values.size(); ++i)
    check::that(std::isfinite(values[i]), "singular_values: ", what, " of layer ", layer, " must be finite, found ",
                values[i], " at unit ", i);
}

}  // namespace

template <class T>
Mat<T> chain(const Model<T>& model, std::uint64_t key, std::uint32_t sample, VecIn<T> input, int threads) {
  const Index depth = model.depth();
  Vec<T> x = input, h, d, b;
  Mat<T> j, w, product;
  for (Index l = 1; l <= depth; ++l) {
    check_interrupt();
    const Index n_out = model.widths[l], n_in = model.widths[l - 1];
    w.resize(n_out, n_in);
    layer_weights<T>(key, sample, l, model.kind, model.sigma_w, w, threads);
    b.resize(n_out);
    layer_biases<T>(key, sample, l, model.sigma_b, b);
    h.resize(n_out);
    linalg::apply<T>(w, x.data(), b.data(), h.data(), threads);
    refuse_non_finite("the preactivation", l, h);
    if (l == 1) {
      j.swap(w);
    } else {
      parallel_ranges(j.rows(), 64, useful_threads(10.0 * static_cast<double>(j.size()), threads),
                      [&](Index begin, Index end) {
                        for (Index i = begin; i < end; ++i) j.row(i) *= d[i];
                      });
      product.resize(n_out, j.cols());
      linalg::multiply<T>('N', 'N', 1, w, j, 0, product, threads);
      j.swap(product);
    }
    if (l == depth && !model.activation_output) break;
    x.resize(n_out);
    d.resize(n_out);
    model.activate(h.data(), n_out, x.data(), d.data());
    refuse_non_finite("the activation", l, x);
    refuse_non_finite("the activation's derivative", l, d);
  }
  if (model.activation_output) j.array().colwise() *= d.array();
  return j;
}

template <class T>
void singular_values(const Model<T>& model, std::uint64_t key, std::uint32_t first, MatIn<T> x, T q0, MatOut<T> out,
                     int threads) {
  const Index n_in = model.widths.front(), n_out = model.widths.back(), trials = out.rows();
  check::that(model.depth() >= 1, "singular_values: a network needs at least one layer");
  check::shape("singular_values", "out", out, trials, std::min(n_in, n_out));
  check::that(x.rows() == 0 || ((x.rows() == 1 || x.rows() == trials) && x.cols() == n_in),
              "singular_values: x must have ", n_in, " entries a row and 1 or ", trials, " rows, got (", x.rows(), ", ",
              x.cols(), ")");
  const auto one = [&](Index t, int inner_threads) {
    const auto sample = first + static_cast<std::uint32_t>(t);
    Vec<T> input(n_in);
    if (x.rows() == 0)
      sphere_input<T>(key, sample, q0, input);
    else
      input = x.row(x.rows() == 1 ? 0 : t).transpose();
    const Mat<T> j = chain<T>(model, key, sample, input, inner_threads);
    for (Index i = 0; i < j.rows(); ++i)
      check::that(j.row(i).array().isFinite().all(), "singular_values: the Jacobian overflows within ", model.depth(),
                  " layers at sigma_w = ", model.sigma_w);
    linalg::svdvals<T>(j.data(), 1, n_out, n_in, out.row(t), inner_threads);
  };
  const bool narrow = *std::max_element(model.widths.begin(), model.widths.end()) <= narrow_width;
  if (narrow && trials >= threads) return parallel_blas_for(trials, threads, [&](Index t) { one(t, 1); });
  const blas::Threads single(1);
  for (Index t = 0; t < trials; ++t) one(t, threads);
}

#define DEEPRMT_INSTANTIATE(T)                                                            \
  template Mat<T> chain<T>(const Model<T>&, std::uint64_t, std::uint32_t, VecIn<T>, int); \
  template void singular_values<T>(const Model<T>&, std::uint64_t, std::uint32_t, MatIn<T>, T, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::jacobian
