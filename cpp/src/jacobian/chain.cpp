#include "deeprmt/jacobian/chain.hpp"

#include <algorithm>
#include <cmath>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/product.hpp"
#include "deeprmt/linalg/product_svd.hpp"
#include "deeprmt/linalg/svd.hpp"

namespace deeprmt::jacobian {
namespace {

constexpr Index narrow_width = 1024;

template <class T>
void refuse_non_finite(const char* what, Index layer, const Vec<T>& values) {
  for (Index i = 0; i < values.size(); ++i)
    check::that(std::isfinite(values[i]), "singular_values: ", what, " of layer ", layer, " must be finite, found ",
                check::unsigned_nan(values[i]), " at unit ", i);
}

/// One network on its way from the input to the output: the signal, and who draws the weights.
template <class T>
class Walk {
 public:
  Walk(const Model<T>& model, std::uint64_t key, std::uint32_t sample, Vec<T> x, int threads)
      : model_(model), key_(key), sample_(sample), threads_(threads), x_(std::move(x)) {}

  Index layer() const { return layer_; }
  bool done() const { return layer_ == model_.depth(); }

  /// W_l itself.
  void form(MatOut<T> w) {
    layer_weights<T>(key_, sample_, layer_ + 1, model_.kind, model_.sigma_w, w, threads_);
    Vec<T> h(w.rows());
    linalg::apply<T>(w, x_.data(), nullptr, h.data(), threads_);
    finish_layer(std::move(h), 1);
  }

  /// The first `cols` columns of `state` become W_l times themselves, over gain(); the next column is scratch.
  void next(Mat<T>& state, Mat<T>& spare, Index cols) {
    const Index n_in = model_.widths[layer_], n_out = model_.widths[layer_ + 1];
    state.col(cols).head(n_in) = x_;
    const T gain =
        apply_layer<T>(key_, sample_, layer_ + 1, model_.kind, model_.sigma_w, n_in, n_out, state, spare, threads_);
    finish_layer(gain * state.col(cols).head(n_out), gain);
  }

  /// By what the rows have to be multiplied to become D_l times the Jacobian, or the Jacobian if it ends before D_l.
  Vec<T> row_factors() const {
    if (done() && !model_.activation_output) return Vec<T>::Constant(model_.widths[layer_], gain_);
    return gain_ * d_;
  }

 private:
  void finish_layer(Vec<T> h, T gain) {
    ++layer_;
    gain_ = gain;
    if (static_cast<std::size_t>(layer_) <= model_.independent.size()) {
      layer_biases<T>(key_, sample_, layer_, std::sqrt(model_.independent[static_cast<std::size_t>(layer_ - 1)]), h);
    } else {
      Vec<T> b(h.size());
      layer_biases<T>(key_, sample_, layer_, model_.sigma_b, b);
      h += b;
    }
    check::that(h.array().isFinite().all(), "singular_values: the preactivation of layer ", layer_,
                " overflows at sigma_w = ", model_.sigma_w, " and sigma_b = ", model_.sigma_b);
    if (done() && !model_.activation_output) return;
    x_.resize(h.size());
    d_.resize(h.size());
    model_.activate(h.data(), h.size(), x_.data(), d_.data());
    refuse_non_finite("the activation", layer_, x_);
    refuse_non_finite("the activation's derivative", layer_, d_);
  }

  const Model<T>& model_;
  std::uint64_t key_;
  std::uint32_t sample_;
  int threads_;
  Index layer_ = 0;
  T gain_ = 1;
  Vec<T> x_, d_;
};

template <class T>
void scale_rows(Mat<T>& state, const Vec<T>& by, int threads) {
  parallel_ranges(by.size(), 64, useful_threads(10.0 * static_cast<double>(state.size()), threads),
                  [&](Index begin, Index end) {
                    for (Index i = begin; i < end; ++i) state.row(i) *= by[i];
                  });
}

/// Rows that start at multiples of 64 bytes, as products like them.
template <class T>
Index padded(Index cols) {
  constexpr Index line = 64 / sizeof(T);
  return (cols + line - 1) / line * line;
}

/// The Jacobian, multiplied out, and its singular values.
template <class T>
void plain_values(const Model<T>& model, Walk<T> walk, Eigen::Ref<Mat<T>, 0, Eigen::OuterStride<>> out, int threads) {
  const Index n_in = model.widths.front(), n_out = model.widths.back();
  const Index largest = *std::max_element(model.widths.begin() + 1, model.widths.end());
  Mat<T> j;
  {
    Mat<T> state(largest, padded<T>(n_in + 1)), spare;
    state.rightCols(state.cols() - n_in).setZero();
    walk.form(state.topLeftCorner(model.widths[1], n_in));
    while (!walk.done()) {
      check_interrupt();
      scale_rows<T>(state, walk.row_factors(), threads);
      walk.next(state, spare, n_in);
    }
    scale_rows<T>(state, walk.row_factors(), threads);
    spare.resize(0, 0);
    // Rows move together in place; what is kept is the first of them.
    for (Index i = 0; i < n_out; ++i) std::copy_n(&state(i, 0), n_in, state.data() + i * n_in);
    j.swap(state);
  }
  Eigen::Map<Mat<T>> values(j.data(), n_out, n_in);
  for (Index i = 0; i < n_out; ++i)
    check::that(values.row(i).array().isFinite().all(), "singular_values: the Jacobian overflows within ",
                model.depth(), " layers at sigma_w = ", model.sigma_w, "; its logarithms do not");
  Vec<T> s(out.cols());
  linalg::svdvals_in_place<T>(values, s, threads);
  out.row(0) = s.transpose();
}

/// The Jacobian as a chain that is never multiplied out.
template <class T>
void log_values(const Model<T>& model, Walk<T> walk, Eigen::Ref<Mat<T>, 0, Eigen::OuterStride<>> out, int threads) {
  const Index n_in = model.widths.front();
  linalg::LogProduct<T> product(n_in);
  while (!walk.done()) {
    check_interrupt();
    Mat<T> w(model.widths[walk.layer() + 1], model.widths[walk.layer()]);
    walk.form(w);
    scale_rows<T>(w, walk.row_factors(), threads);
    product.push(w, threads);
  }
  out.row(0) = product.log_values(threads).transpose().template cast<T>();
}

}  // namespace

template <class T>
void singular_values(const Model<T>& model, std::uint64_t key, std::uint32_t first, MatIn<T> x, T q0, bool log,
                     MatOut<T> out, int threads) {
  check::that(model.depth() >= 1, "singular_values: widths must be at least two, got ", model.widths.size());
  for (std::size_t l = 0; l < model.widths.size(); ++l)
    check::that(model.widths[l] >= 1, "singular_values: widths must be at least 1, got ", model.widths[l],
                " at position ", l);
  check::that(static_cast<bool>(model.activate), "singular_values: activate must be a function, got none");
  check::that(model.independent.empty() || static_cast<Index>(model.independent.size()) >= model.depth() - 1,
              "singular_values: independent must have a variance for each layer with an activation, got ",
              model.independent.size(), " for ", model.depth(), " layers");
  check::at_least("singular_values", "threads", threads, 1);
  const Index n_in = model.widths.front(), n_out = model.widths.back(), trials = out.rows();
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
    Walk<T> walk(model, key, sample, std::move(input), inner_threads);
    (log ? log_values<T> : plain_values<T>)(model, std::move(walk), out.row(t), inner_threads);
  };
  const bool narrow = *std::max_element(model.widths.begin(), model.widths.end()) <= narrow_width;
  if (narrow && trials >= threads) return parallel_blas_for(trials, threads, [&](Index t) { one(t, 1); });
  const blas::Threads single(1);
  for (Index t = 0; t < trials; ++t) one(t, threads);
}

#define DEEPRMT_INSTANTIATE(T) \
  template void singular_values<T>(const Model<T>&, std::uint64_t, std::uint32_t, MatIn<T>, T, bool, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::jacobian
