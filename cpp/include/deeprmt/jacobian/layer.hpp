// Weights and biases of one layer of a random network.
#pragma once

#include "deeprmt/core/random.hpp"
#include "deeprmt/core/types.hpp"

namespace deeprmt::jacobian {

enum class Weights { gaussian, haar };

/// w (n_out, n_in) of layer `layer` of network `sample`. Gaussian: entries N(0, sigma_w^2 / n_in). Haar: sigma_w times
/// an orthogonal matrix if square; else n_in columns or n_out rows of a Haar matrix of the larger size, scaled so that
/// E|W x|^2 / n_out = sigma_w^2 |x|^2 / n_in.
template <class T>
void layer_weights(std::uint64_t key, std::uint32_t sample, Index layer, Weights kind, T sigma_w, MatOut<T> w,
                   int threads);

/// The first n_out rows of `state` <- W x / gain, x its first n_in rows, W as layer_weights draws it; returns gain.
/// Haar weights of about square shape act by their reflectors, in place, and no weights are formed: 2 n^2 flops a
/// column, O(n) memory. Gaussian ones are drawn and used in panels of rows, strongly rectangular Haar ones are formed:
/// these leave the result in `state` and the old one in `spare`, which is resized to the shape of `state`.
/// @param state  (at least max(n_in, n_out), any); rows beyond n_in may hold anything
template <class T>
T apply_layer(std::uint64_t key, std::uint32_t sample, Index layer, Weights kind, T sigma_w, Index n_in, Index n_out,
              Mat<T>& state, Mat<T>& spare, int threads);

/// Biases N(0, sigma_b^2) of the same layer.
template <class T>
void layer_biases(std::uint64_t key, std::uint32_t sample, Index layer, T sigma_b, VecOut<T> b);

/// An input drawn uniformly on the sphere |x|^2 = n q.
template <class T>
void sphere_input(std::uint64_t key, std::uint32_t sample, T q, VecOut<T> x);

}  // namespace deeprmt::jacobian
