#include "deeprmt/jacobian/layer.hpp"

#include <algorithm>
#include <cmath>

#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/core/squares.hpp"
#include "deeprmt/ensembles/haar.hpp"
#include "deeprmt/linalg/product.hpp"

namespace deeprmt::jacobian {
namespace {

// What one network is made of: weights of layer l at 2 l, biases at 2 l + 1, the input at the far end.
Stream weights_of(std::uint64_t key, std::uint32_t sample, Index layer) {
  return {key, sample, static_cast<std::uint32_t>(2 * layer)};
}
Stream biases_of(std::uint64_t key, std::uint32_t sample, Index layer) {
  return {key, sample, static_cast<std::uint32_t>(2 * layer + 1)};
}
constexpr std::uint32_t input_part = 0xFFFFFFFF;

}  // namespace

template <class T>
void layer_weights(std::uint64_t key, std::uint32_t sample, Index layer, Weights kind, T sigma_w, MatOut<T> w,
                   int threads) {
  const Stream stream = weights_of(key, sample, layer);
  const Index n_out = w.rows(), n_in = w.cols();
  const T stretch = std::sqrt(static_cast<T>(n_out) / static_cast<T>(n_in));
  if (kind == Weights::gaussian) {
    normals<T>(stream, w, sigma_w / std::sqrt(static_cast<T>(n_in)), threads);
  } else if (n_out >= n_in) {
    ensembles::haar<T>(stream, w, threads);
    w *= sigma_w * stretch;
  } else {
    Mat<T> columns(n_in, n_out);
    ensembles::haar<T>(stream, columns, threads);
    w = sigma_w * columns.transpose();
  }
}

namespace {

constexpr Index panel_rows = 256;

/// Whether reflectors on n = max(n_in, n_out) coordinates take fewer flops than weights that are formed and multiplied.
bool reflectors_pay(Index n_in, Index n_out, Index cols) {
  const double n = static_cast<double>(std::max(n_in, n_out)), k = static_cast<double>(std::min(n_in, n_out)),
               m = static_cast<double>(cols);
  return 2 * n * n * m <= 2 * k * k * (n - k / 3) + 2 * k * n * m;
}

}  // namespace

template <class T>
T apply_layer(std::uint64_t key, std::uint32_t sample, Index layer, Weights kind, T sigma_w, Index n_in, Index n_out,
              Mat<T>& state, Mat<T>& spare, int threads) {
  const Stream stream = weights_of(key, sample, layer);
  const Index n = std::max(n_in, n_out);
  if (kind == Weights::haar && reflectors_pay(n_in, n_out, state.cols())) {
    state.middleRows(n_in, n - n_in).setZero();
    ensembles::haar_apply_left<T>(stream, n_out >= n_in ? 'N' : 'T', state.topRows(n), threads);
    return n_out > n_in ? sigma_w * std::sqrt(static_cast<T>(n_out) / static_cast<T>(n_in)) : sigma_w;
  }
  spare.resize(state.rows(), state.cols());
  const auto x = state.topRows(n_in);
  if (kind == Weights::haar) {
    Mat<T> w(n_out, n_in);
    layer_weights<T>(key, sample, layer, kind, 1, w, threads);
    linalg::multiply<T>('N', 'N', 1, w, x, 0, spare.topRows(n_out), threads);
    spare.swap(state);
    return sigma_w;
  }
  Mat<T> panel(std::min(panel_rows, n_out), n_in);
  for (Index top = 0; top < n_out; top += panel_rows) {
    check_interrupt();
    const Index rows = std::min(panel_rows, n_out - top);
    parallel_for(rows, useful_threads(60.0 * static_cast<double>(rows * n_in), threads), [&](Index i) {
      normals<T>(stream, static_cast<std::uint64_t>(top + i) * static_cast<std::uint64_t>(n_in), &panel(i, 0), n_in);
    });
    linalg::multiply<T>('N', 'N', 1, panel.topRows(rows), x, 0, spare.middleRows(top, rows), threads);
  }
  spare.swap(state);
  return sigma_w / std::sqrt(static_cast<T>(n_in));
}

template <class T>
void layer_biases(std::uint64_t key, std::uint32_t sample, Index layer, T sigma_b, VecOut<T> b) {
  normals<T>(biases_of(key, sample, layer), 0, b.data(), b.size());
  b *= sigma_b;
}

template <class T>
void sphere_input(std::uint64_t key, std::uint32_t sample, T q, VecOut<T> x) {
  normals<T>({key, sample, input_part}, 0, x.data(), x.size());
  x *= std::sqrt(q * static_cast<T>(x.size())) / static_cast<T>(std::sqrt(sum_of_squares(x.data(), x.size())));
}

#define DEEPRMT_INSTANTIATE(T)                                                                                     \
  template void layer_weights<T>(std::uint64_t, std::uint32_t, Index, Weights, T, MatOut<T>, int);                 \
  template T apply_layer<T>(std::uint64_t, std::uint32_t, Index, Weights, T, Index, Index, Mat<T>&, Mat<T>&, int); \
  template void layer_biases<T>(std::uint64_t, std::uint32_t, Index, T, VecOut<T>);                                \
  template void sphere_input<T>(std::uint64_t, std::uint32_t, T, VecOut<T>);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::jacobian
