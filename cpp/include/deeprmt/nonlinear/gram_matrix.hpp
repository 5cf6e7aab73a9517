// Gram matrices of a nonlinearity of a product of two Gaussian matrices, Y = f(W X), of which no more is ever there
// than a panel.
#pragma once

#include <functional>

#include "deeprmt/core/random.hpp"
#include "deeprmt/core/types.hpp"

namespace deeprmt::nonlinear {

/// Replaces `count` entries by their images. Called from several threads at once, on pieces that do not depend on them.
template <class T>
using Entrywise = std::function<void(T* entries, Index count)>;

/// Which of the two matrices Y^T Y / m (m, m) and Y Y^T / m (n_1, n_1) is wanted.
enum class Side { features, samples };

/// out = Y Y^T / m or Y^T Y / m, Y = f(scale W X), W (n_1, n_0) and X (n_0, m) of independent N(0, 1) entries.
///
/// Entry (i, k) of W is number i n_0 + k of the stream's part 0, entry (k, j) of X number j n_0 + k of part 1, so that
/// both sides see the same matrices. The factor on the side of `out` is drawn once and kept; rows of the other are
/// drawn in panels, each is multiplied, mapped and added to the upper triangle by tiles cut by the shape alone: threads
/// never change a bit. n_0 (n_1 + m) draws, 2 n_0 n_1 m + N^2 M flops, N the order of out and M the other dimension.
/// @param out  (N, N), overwritten, symmetric to the bit
/// Memory: N n_0 entries, and panel_rows(N, M, n_0) (N + n_0).
template <class T>
void gram_matrix(Stream stream, Index n_0, Index n_1, Index m, T scale, Side side, const Entrywise<T>& f, MatOut<T> out,
                 int threads);

/// Rows that `gram_matrix` draws at a time.
Index panel_rows(Index order, Index other, Index n_0);

/// out (N, N) = alpha y^T y, symmetric to the bit, y (k, N): half the flops of a product. beta 1: adds to what is in
/// the upper triangle.
template <class T>
void add_gram(MatIn<T> y, T alpha, T beta, MatOut<T> out, int threads);

/// Takes the upper triangle over into the lower one.
template <class T>
void mirror(MatOut<T> out, int threads);

}  // namespace deeprmt::nonlinear
