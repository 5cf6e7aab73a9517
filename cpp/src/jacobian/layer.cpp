#include "deeprmt/jacobian/layer.hpp"

#include <cmath>

#include "deeprmt/ensembles/haar.hpp"

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

template <class T>
void layer_biases(std::uint64_t key, std::uint32_t sample, Index layer, T sigma_b, VecOut<T> b) {
  normals<T>(biases_of(key, sample, layer), 0, b.data(), b.size());
  b *= sigma_b;
}

template <class T>
void sphere_input(std::uint64_t key, std::uint32_t sample, T q, VecOut<T> x) {
  normals<T>({key, sample, input_part}, 0, x.data(), x.size());
  x *= std::sqrt(q * static_cast<T>(x.size())) / x.norm();
}

#define DEEPRMT_INSTANTIATE(T)                                                                     \
  template void layer_weights<T>(std::uint64_t, std::uint32_t, Index, Weights, T, MatOut<T>, int); \
  template void layer_biases<T>(std::uint64_t, std::uint32_t, Index, T, VecOut<T>);                \
  template void sphere_input<T>(std::uint64_t, std::uint32_t, T, VecOut<T>);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::jacobian
