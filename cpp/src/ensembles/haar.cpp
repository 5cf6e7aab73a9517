#include "deeprmt/ensembles/haar.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <type_traits>
#include <vector>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/core/squares.hpp"
#include "deeprmt/linalg/product.hpp"
#include "deeprmt/linalg/qr.hpp"

namespace deeprmt::ensembles {
namespace {

/// Reflectors in a block that meets few columns: V^* V costs as many flops as `block` more columns would. For the many
/// columns of square matrices it is `large`, as measured at n = 2000.
Index block_size(Index columns, Index large) { return columns <= 8 ? 32 : columns < 256 ? 64 : large; }

constexpr Index block_of_haar = 192;
template <class T>
constexpr Index block_of_products = std::is_same_v<T, float> ? 192 : 96;

Index block_count(Index n, Index size) { return (n + size - 1) / size; }

template <class T>
using Real = typename Eigen::NumTraits<T>::Real;

/// Entries [start, start + n) of the stream; a complex number is two of its real ones.
template <class T>
void draw(Stream stream, std::uint64_t start, T* out, Index n) {
  constexpr Index parts = sizeof(T) / sizeof(Real<T>);
  normals<Real<T>>(stream, parts * start, reinterpret_cast<Real<T>*>(out), parts * n);
}

/// x / |x|: a sign, or a phase.
template <class T>
T phase_of(T x) {
  if constexpr (std::is_same_v<T, Real<T>>)
    return std::copysign(T(1), x);
  else
    return std::abs(x) > 0 ? x / std::abs(x) : T(1);
}

/// Gaussian direction number `index` of length n - index as a reflector v = x - beta e_1, scaled to v_1 = 1 and
/// conjugated, and |v|^2. Returns the phase of beta, the diagonal of R. The last one has nothing to reflect: v = 0, R
/// is the number itself.
template <class T>
T draw_reflector(Stream stream, Index n, Index index, T* v, double& square) {
  const Index length = n - index;
  draw(stream, static_cast<std::uint64_t>(index) * n, v, length);
  const T phase = phase_of(v[0]);
  if (length == 1) {
    v[0] = 0;
    square = 0;
    return phase;
  }
  const T scale = Real<T>(1) / (v[0] + phase * static_cast<Real<T>>(std::sqrt(sum_of_squares(v, length))));
  for (Index i = 1; i < length; ++i) v[i] = Eigen::numext::conj(v[i] * scale);
  v[0] = 1;
  square = sum_of_squares(v, length);
  return -phase;
}

/// A block in memory that others own and reuse.
template <class T>
struct BlockView {
  MatOut<T> vh, t;
  VecOut<T> signs;
};

/// Upper triangular u <- u^-1, in place: [A B; 0 C]^-1 = [A^-1, -A^-1 B C^-1; 0, C^-1].
template <class T>
void invert(MatOut<T> u, Mat<T>& work) {
  const Index b = u.rows();
  if (b <= 16) {  // rows from the last: (u x)_i = e_i, x the rows below, already inverted
    for (Index i = b; i-- > 0;) {
      const T pivot = T(1) / u(i, i);
      T row[16] = {};
      for (Index k = i + 1; k < b; ++k)
        for (Index j = k; j < b; ++j) row[j] -= u(i, k) * u(k, j);
      for (Index j = i + 1; j < b; ++j) u(i, j) = pivot * row[j];
      u(i, i) = pivot;
    }
    return;
  }
  const Index h = b / 2 / 8 * 8;
  auto a = u.topLeftCorner(h, h), c = u.bottomRightCorner(b - h, b - h), corner = u.topRightCorner(h, b - h);
  invert<T>(a, work);
  invert<T>(c, work);
  work.resize(h, b - h);
  linalg::multiply<T>('N', 'N', 1, a, corner, 0, work, 1);
  linalg::multiply<T>('N', 'N', -1, work, c, 0, corner, 1);
}

/// H_1 ... H_b = I - V T V^*, T^-1 = striu(V^* V) + diag(V^* V) / 2: orthogonal because T^-1 + T^-* = V^* V, whatever
/// the rounding of V. Joffrain et al., ACM TOMS 32, 169 (2006).
template <class T>
void draw_block(Stream stream, Index n, Index top, BlockView<T> block, int threads) {
  const Index count = block.vh.rows();
  const double normals_cost = 200.0 * static_cast<double>(block.vh.size());  // in flops of a product
  std::vector<double> squares(static_cast<std::size_t>(count));
  parallel_for(count, useful_threads(normals_cost, threads), [&](Index j) {
    std::fill_n(&block.vh(j, 0), j, T(0));
    block.signs[j] = draw_reflector(stream, n, top + j, &block.vh(j, j), squares[j]);
  });
  // The upper triangle of V^* V in tiles, each one product.
  constexpr Index tile = 96;
  const Index tiles = (count + tile - 1) / tile;
  const double flops = static_cast<double>(count) * static_cast<double>(block.vh.size());
  parallel_blas_for(tiles * tiles, useful_threads(flops, threads), [&](Index cell) {
    const Index i = cell / tiles * tile, j = cell % tiles * tile;
    if (i > j) return;
    const Index rows = std::min(tile, count - i), cols = std::min(tile, count - j);
    linalg::multiply<T>('N', 'C', 1, block.vh.block(i, j, rows, block.vh.cols() - j),
                        block.vh.block(j, j, cols, block.vh.cols() - j), 0, block.t.block(i, j, rows, cols), 1);
  });
  for (Index j = 0; j < count; ++j) {
    block.t.row(j).head(j).setZero();
    block.t(j, j) = squares[j] > 0 ? static_cast<Real<T>>(squares[j] / 2) : Real<T>(1);
  }
  Mat<T> work;
  invert<T>(block.t, work);
}

/// x <- T x ('N') or T^* x ('C'), columns over threads.
template <class T>
void turn_left(MatIn<T> t, char op, MatOut<T> x, int threads) {
  constexpr Index grain = 512;
  const int b = blas::narrow(t.rows()), ldt = blas::narrow(t.outerStride()), ldx = blas::narrow(x.outerStride());
  const T one = 1;
  const double flops = static_cast<double>(x.size()) * b;
  parallel_blas_for((x.cols() + grain - 1) / grain, useful_threads(flops, threads), [&](Index piece) {
    const Index left = piece * grain;
    const int cols = static_cast<int>(std::min(grain, x.cols() - left));
    // In columns: x^T <- x^T T^T, and row-major T is T^T there, a lower triangle.
    blas::call<T>(blas::Routine::trmm, "R", "L", &op, "N", &cols, &b, &one, t.data(), &ldt, x.data() + left, &ldx);
  });
}

/// x <- x T ('N') or x T^* ('C'), rows over threads.
template <class T>
void turn_right(MatIn<T> t, char op, MatOut<T> x, int threads) {
  constexpr Index grain = 512;
  const int b = blas::narrow(t.rows()), ldt = blas::narrow(t.outerStride()), ldx = blas::narrow(x.outerStride());
  const T one = 1;
  const double flops = static_cast<double>(x.size()) * b;
  parallel_blas_for((x.rows() + grain - 1) / grain, useful_threads(flops, threads), [&](Index piece) {
    const Index top = piece * grain;
    const int rows = static_cast<int>(std::min(grain, x.rows() - top));
    blas::call<T>(blas::Routine::trmm, "L", "L", &op, "N", &b, &rows, &one, t.data(), &ldt, x.data() + top * ldx, &ldx);
  });
}

/// x <- B x ('N') or B^* x ('C') for one block B = (I - V T V^*) D. `inner` is scratch.
/// D acts on rows that no other block has touched ('N') or will touch ('C').
template <class T, class Block>
void apply_block_left(const Block& block, char op, MatOut<T> x, Mat<T>& inner, int threads) {
  const Index count = block.vh.rows();
  auto own = x.topRows(count);
  if (op == 'N') own.array().colwise() *= block.signs.array();
  if (std::is_same_v<T, float> && x.cols() >= 64) {  // (V^* x)^*: products 1.2 times faster in single precision
    inner.resize(x.cols(), count);
    linalg::multiply<T>('C', 'C', 1, x, block.vh, 0, inner, threads);
    turn_right<T>(block.t, op == 'N' ? 'C' : 'N', inner, threads);
    linalg::multiply<T>('C', 'C', -1, block.vh, inner, 1, x, threads);
  } else {
    inner.resize(count, x.cols());
    linalg::multiply<T>('N', 'N', 1, block.vh, x, 0, inner, threads);
    turn_left<T>(block.t, op, inner, threads);
    linalg::multiply<T>('C', 'N', -1, block.vh, inner, 1, x, threads);
  }
  if (op != 'N') own.array().colwise() *= block.signs.conjugate().array();
}

/// x <- x B or x B^*. `inner` holds (x V)^*, whose products run faster than those of x V.
template <class T, class Block>
void apply_block_right(const Block& block, char op, MatOut<T> x, Mat<T>& inner, int threads) {
  const Index count = block.vh.rows();
  inner.resize(count, x.rows());
  auto own = x.leftCols(count);
  if (op != 'N') own.array().rowwise() *= block.signs.adjoint().array();
  linalg::multiply<T>('N', 'C', 1, block.vh, x, 0, inner, threads);
  turn_left<T>(block.t, op == 'N' ? 'C' : 'N', inner, threads);
  linalg::multiply<T>('C', 'N', -1, inner, block.vh, 1, x, threads);
  if (op == 'N') own.array().rowwise() *= block.signs.transpose().array();
}

/// Memory for one block of at most `size` reflectors, drawn again and again.
template <class T>
class Drawn {
 public:
  Drawn(Stream stream, Index n, Index size)
      : stream_(stream), n_(n), size_(size), vh_(size, n), t_(size, size), signs_(size) {}

  Index count() const { return block_count(n_, size_); }
  Index top(Index i) const { return i * size_; }
  /// Block i, until the next call; of reflectors below `end` only.
  BlockView<T> block(Index i, Index end, int threads) {
    const Index count = std::min(size_, end - top(i));
    // Rows as long as this block needs, one after another.
    Eigen::Map<Mat<T>> vh(vh_.data(), count, n_ - top(i));
    BlockView<T> view{vh, t_.topLeftCorner(count, count), signs_.head(count)};
    draw_block<T>(stream_, n_, top(i), view, threads);
    return view;
  }

 private:
  Stream stream_;
  Index n_, size_;
  Mat<T> vh_, t_;
  Vec<T> signs_;
};

/// Calls act(i) for each block in the order in which a product needs them: Q x and x Q^T begin with the last.
template <class Act>
void in_order(Index count, bool last_first, const Act& act) {
  for (Index i = 0; i < count; ++i) {
    check_interrupt();
    act(last_first ? count - 1 - i : i);
  }
}

/// 'T' and 'C' both ask for the adjoint.
char check_apply(const char* function, char op, Index length, Index n) {
  check::that(op == 'N' || op == 'T' || op == 'C', function, ": op must be 'N', 'T' or 'C', got ", op);
  check::that(length == n, function, ": x must have ", n, " entries along the side that Q acts on, got ", length);
  return op == 'N' ? 'N' : 'C';
}

}  // namespace

template <class T>
void haar(Stream stream, MatOut<T> out, int threads) {
  const Index n = out.rows(), k = out.cols();
  check::that(k <= n, "haar: k must be at most n = ", n, ", got ", k);
  if (k == 0) return;
  parallel_ranges(n, 64, useful_threads(10.0 * static_cast<double>(out.size()), threads),
                  [&](Index begin, Index end) { out.middleRows(begin, end - begin).setZero(); });
  const Index size = std::min(block_size(k, block_of_haar), k);
  Drawn<T> drawn(stream, n, size);
  Mat<T> inner;
  in_order(block_count(k, size), true, [&](Index i) {
    const BlockView<T> block = drawn.block(i, k, threads);
    const Index top = drawn.top(i), count = block.vh.rows(), below = n - top - count, right = k - top - count;
    // What stands at (top, top) is D beside zeros: the first product needs no more than the part below and right.
    auto c = out.block(top, top, n - top, k - top);
    c.diagonal().head(count) = block.signs;
    inner.resize(count, k - top);
    inner.leftCols(count).template triangularView<Eigen::StrictlyLower>().setZero();
    inner.leftCols(count).template triangularView<Eigen::Upper>() = block.vh.leftCols(count) * block.signs.asDiagonal();
    linalg::multiply<T>('N', 'N', 1, block.vh.rightCols(below), c.bottomRightCorner(below, right), 0,
                        inner.rightCols(right), threads);
    turn_left<T>(block.t, 'N', inner, threads);
    linalg::multiply<T>('C', 'N', -1, block.vh, inner, 1, c, threads);
  });
}

template <class T>
void haar_apply_left(Stream stream, char op, MatOut<T> x, int threads) {
  op = check_apply("haar_apply_left", op, x.rows(), x.rows());
  if (x.size() == 0) return;
  Drawn<T> drawn(stream, x.rows(), std::min(block_size(x.cols(), block_of_products<T>), x.rows()));
  Mat<T> inner;
  in_order(drawn.count(), op == 'N', [&](Index i) {
    apply_block_left<T>(drawn.block(i, x.rows(), threads), op, x.bottomRows(x.rows() - drawn.top(i)), inner, threads);
  });
}

template <class T>
void haar_apply_right(Stream stream, char op, MatOut<T> x, int threads) {
  op = check_apply("haar_apply_right", op, x.cols(), x.cols());
  if (x.size() == 0) return;
  Drawn<T> drawn(stream, x.cols(), std::min(block_size(x.rows(), block_of_products<T>), x.cols()));
  Mat<T> inner;
  in_order(drawn.count(), op != 'N', [&](Index i) {
    apply_block_right<T>(drawn.block(i, x.cols(), threads), op, x.rightCols(x.cols() - drawn.top(i)), inner, threads);
  });
}

template <class T>
HaarReflectors<T>::HaarReflectors(Stream stream, Index n, int threads) : n_(n) {
  check::at_least("HaarReflectors", "n", n, 1);
  const Index size = std::min(block_of_products<T>, n);
  for (Index top = 0; top < n; top += size) {
    check_interrupt();
    const Index count = std::min(size, n - top);
    blocks_.push_back({Mat<T>(count, n - top), Mat<T>(count, count), Vec<T>(count)});
    Block& block = blocks_.back();
    draw_block<T>(stream, n, top, {block.vh, block.t, block.signs}, threads);
  }
}

template <class T>
void HaarReflectors<T>::apply_left(char op, MatOut<T> x, int threads) const {
  op = check_apply("HaarReflectors.apply_left", op, x.rows(), n_);
  if (x.size() == 0) return;
  Mat<T> inner;
  in_order(static_cast<Index>(blocks_.size()), op == 'N', [&](Index i) {
    const Block& block = blocks_[i];
    apply_block_left<T>(block, op, x.bottomRows(block.vh.cols()), inner, threads);
  });
}

template <class T>
void HaarReflectors<T>::apply_right(char op, MatOut<T> x, int threads) const {
  op = check_apply("HaarReflectors.apply_right", op, x.cols(), n_);
  if (x.size() == 0) return;
  Mat<T> inner;
  in_order(static_cast<Index>(blocks_.size()), op != 'N', [&](Index i) {
    const Block& block = blocks_[i];
    apply_block_right<T>(block, op, x.rightCols(block.vh.cols()), inner, threads);
  });
}

template <class T>
void haar_by_qr(Stream stream, MatOut<T> out, int threads) {
  const Index n = out.rows(), k = out.cols();
  check::that(k <= n, "haar: k must be at most n = ", n, ", got ", k);
  Mat<T> g(n, k);
  constexpr Index parts = sizeof(T) / sizeof(Real<T>);
  normals<Real<T>>(stream, Eigen::Map<Mat<Real<T>>>(reinterpret_cast<Real<T>*>(g.data()), n, parts * k), Real<T>(1),
                   threads);
  const auto blocks = linalg::factor<T>(g, true, threads);
  const Vec<T> signs = g.diagonal().unaryExpr([](T r) { return phase_of(r); });
  linalg::form_q<T>(blocks, out, threads);
  parallel_ranges(n, 64, useful_threads(10.0 * static_cast<double>(out.size()), threads), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) out.row(i).array() *= signs.transpose().array();
  });
}

#define DEEPRMT_INSTANTIATE(T)                                     \
  template void haar<T>(Stream, MatOut<T>, int);                   \
  template void haar_by_qr<T>(Stream, MatOut<T>, int);             \
  template void haar_apply_left<T>(Stream, char, MatOut<T>, int);  \
  template void haar_apply_right<T>(Stream, char, MatOut<T>, int); \
  template class HaarReflectors<T>;
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)
DEEPRMT_INSTANTIATE(std::complex<float>)
DEEPRMT_INSTANTIATE(std::complex<double>)

}  // namespace deeprmt::ensembles
