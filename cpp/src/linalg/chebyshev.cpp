#include "deeprmt/linalg/chebyshev.hpp"

#include <algorithm>
#include <vector>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/parallel.hpp"

namespace deeprmt::linalg {
namespace {

constexpr Index piece = 4096;

// Eight running sums each, so that the loop needs no reordering to become vector code.
template <class T>
DEEPRMT_LEAF void step(const T* w, const T* t, T* previous, Index size, T center, T scale, double* dots) {
  double cross[8] = {}, square[8] = {};
  const Index whole = size / 8 * 8;
  for (Index i = 0; i < size; ++i) previous[i] = scale * (w[i] - center * t[i]) - previous[i];
  for (Index i = 0; i < whole; i += 8)
    for (int l = 0; l < 8; ++l) {
      const double next = previous[i + l], now = t[i + l];
      cross[l] += next * now;
      square[l] += next * next;
    }
  for (Index i = whole; i < size; ++i) {
    const double next = previous[i], now = t[i];
    cross[0] += next * now;
    square[0] += next * next;
  }
  dots[0] = dots[1] = 0;
  for (int l = 0; l < 8; ++l) dots[0] += cross[l], dots[1] += square[l];
}

}  // namespace

template <class T>
void chebyshev_step(MatIn<T> w, MatIn<T> current, MatOut<T> previous, T center, T half, int factor,
                    VecOut<double> cross, VecOut<double> square, int threads) {
  const Index p = w.rows(), n = w.cols(), pieces = (n + piece - 1) / piece;
  check::shape("chebyshev_step", "current", current, p, n);
  check::shape("chebyshev_step", "previous", previous, p, n);
  check::apart("chebyshev_step", "w", w, "previous", previous);
  check::apart("chebyshev_step", "current", current, "previous", previous);
  check::that(half > 0, "chebyshev_step: half must be positive, got ", half);
  cross.setZero();
  square.setZero();
  if (factor == 1) previous.setZero();
  std::vector<double> dots(2 * p * pieces);
  parallel_for(p * pieces, useful_threads(40.0 * static_cast<double>(w.size()), threads), [&](Index task) {
    const Index i = task / pieces, at = task % pieces * piece;
    clones<step<T>>(w.data() + i * w.outerStride() + at, current.data() + i * current.outerStride() + at,
                    previous.data() + i * previous.outerStride() + at, std::min(piece, n - at), center,
                    static_cast<T>(factor) / half, &dots[2 * task]);
  });
  for (Index i = 0; i < p; ++i)
    for (Index k = 0; k < pieces; ++k) {
      cross[i] += dots[2 * (i * pieces + k)];
      square[i] += dots[2 * (i * pieces + k) + 1];
    }
}

#define DEEPRMT_INSTANTIATE(T) \
  template void chebyshev_step<T>(MatIn<T>, MatIn<T>, MatOut<T>, T, T, int, VecOut<double>, VecOut<double>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
