#include "back.hpp"

#include <algorithm>
#include <memory>
#include <new>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "deeprmt/linalg/product.hpp"
#include "pack.hpp"
#include "turns.hpp"

namespace deeprmt::linalg {
namespace {

using turns::together;

/// Where a block of reflectors begins: those number t of the sweeps from `sweep` on.
struct Place {
  Index sweep, t, top, size;
};

/// I - V T V^T = H_1 ... H_8 at one place: v (size, together), then t (together, together), zeros where sweeps have
/// ended.
template <class T>
void form(const Chased<T>& q, Index band, const Place& at, Index sweeps, T* v, T* t) {
  const Index n = q.v.cols(), count = std::min(together, sweeps - at.sweep);
  std::fill_n(v, at.size * together, T(0));
  std::fill_n(t, together * together, T(0));
  for (Index j = 0; j < count && at.top + j < n; ++j) {
    const Index length = std::min(band, n - at.top - j);
    const T* from = &q.v(at.sweep + j, at.top + j);
    for (Index i = 0; i < length; ++i) v[(j + i) * together + j] = from[i];
  }
  T gram[together][together] = {};
  for (Index i = 0; i < at.size; ++i)
    for (Index a = 0; a < together; ++a)
      for (Index b = 0; b < together; ++b) gram[a][b] += v[i * together + a] * v[i * together + b];
  // Column j of T is -tau_j T (V^T v_j) above tau_j on the diagonal.
  for (Index j = 0; j < count && at.top + j < n; ++j) {
    const T tau = q.tau(at.sweep + j, at.t);
    for (Index i = 0; i < j; ++i) {
      T sum = 0;
      for (Index k = i; k < j; ++k) sum += t[i * together + k] * gram[k][j];
      t[i * together + j] = -tau * sum;
    }
    t[j * together + j] = tau;
  }
}

/// Two blocks as one, the second acting on the last rows of the first.
template <class T>
BlockReflector<T> joined(const BlockReflector<T>& first, const BlockReflector<T>& second) {
  const Index a = first.count(), b = second.count(), size = first.size(), skip = size - second.size();
  BlockReflector<T> both{Mat<T>(a + b, size), Mat<T>::Zero(a + b, a + b)};
  both.vt << first.vt, Mat<T>::Zero(b, skip), second.vt;
  Mat<T> gram(a, b), half(a, b);
  multiply<T>('N', 'T', 1, first.vt.rightCols(second.size()), second.vt, 0, gram, 1);
  multiply<T>('N', 'N', 1, gram, second.t, 0, half, 1);
  multiply<T>('N', 'N', -1, first.t, half, 0, both.t.topRightCorner(a, b), 1);
  both.t.topLeftCorner(a, a) = first.t;
  both.t.bottomRightCorner(b, b) = second.t;
  return both;
}

/// Memory that begins on a cache line.
template <class T>
struct Aligned {
  explicit Aligned(Index size)
      : data(static_cast<T*>(::operator new(static_cast<std::size_t>(size) * sizeof(T), std::align_val_t{64}))) {}
  struct Free {
    void operator()(T* p) const { ::operator delete(p, std::align_val_t{64}); }
  };
  std::unique_ptr<T, Free> data;
};

}  // namespace

template <class T>
void turn_back(const Chased<T>& q, Index band, MatOut<T> x, int threads) {
  const Index n = x.rows(), cols = x.cols(), sweeps = n - 2;
  if (band <= 1 || sweeps <= 0 || cols == 0) return;
  check::that(band >= together, "turn_back: wants a band of at least ", together, ", got ", band);
  // The last group of sweeps acts first. Reflector t of a sweep and reflector t' < t of a later one have no row in
  // common: so the blocks of a group are ordered by t, the first to act being t = 0.
  std::vector<Place> places;
  for (Index begin = (sweeps - 1) / together * together; begin >= 0; begin -= together)
    for (Index t = 0; t < reflectors_of_sweep(n, band, begin); ++t) {
      const Index top = begin + 1 + t * band;
      places.push_back({begin, t, top, band + together - 1});
    }
  const Index room = (band + 2 * together) * together, count = static_cast<Index>(places.size());
  const Aligned<T> blocks(room * count);
  const double flops = 4.0 * static_cast<double>(n) * static_cast<double>(n);
  parallel_ranges(count, 64, useful_threads(flops * static_cast<double>(together), threads), [&](Index b, Index e) {
    for (Index i = b; i < e; ++i) {
      T* v = blocks.data.get() + i * room;
      const Place& at = places[static_cast<std::size_t>(i)];
      form(q, band, at, sweeps, v, v + at.size * together);
    }
  });
  // Each thread has some panels of columns at a time, as many as stay in its cache: a block then serves all of them.
  constexpr Index width = turns::most_packs * pack<T>, cache = Index{1} << 20;
  const Index height = n + band + together;  // turns at the end reach beyond it, with zeros
  const Index panels = std::clamp<Index>(cache / (height * width * static_cast<Index>(sizeof(T))), 1, 8);
  parallel_ranges(cols, panels * width, useful_threads(flops * static_cast<double>(cols), threads),
                  [&](Index begin, Index end) {
                    const Aligned<T> store(panels * height * width);
                    const auto each_panel = [&](const auto& body) {
                      T* panel = store.data.get();
                      for (Index left = begin; left < end; left += width, panel += height * width) {
                        const Index inside = std::min(width, end - left);
                        body(left, inside, (inside + pack<T> - 1) / pack<T>, panel);
                      }
                    };
                    each_panel([&](Index left, Index inside, Index packs, T* panel) {
                      const Index ld = packs * pack<T>;
                      for (Index i = 0; i < n; ++i) {
                        std::copy_n(&x(i, left), inside, panel + i * ld);
                        std::fill(panel + i * ld + inside, panel + (i + 1) * ld, T(0));
                      }
                      std::fill(panel + n * ld, panel + height * ld, T(0));
                    });
                    for (Index i = 0; i < count; ++i) {
                      if (places[static_cast<std::size_t>(i)].t == 0) check_interrupt();
                      const Place& at = places[static_cast<std::size_t>(i)];
                      const T* v = blocks.data.get() + i * room;
                      each_panel([&](Index, Index, Index packs, T* panel) {
                        turns::turn(v, v + at.size * together, at.size, panel + at.top * packs * pack<T>, packs);
                      });
                    }
                    each_panel([&](Index left, Index inside, Index packs, const T* panel) {
                      for (Index i = 0; i < n; ++i) std::copy_n(panel + i * packs * pack<T>, inside, &x(i, left));
                    });
                  });
}

template <class T>
void turn_back(const std::vector<BlockReflector<T>>& blocks, MatOut<T> x, int threads) {
  // Two at once: products of twice the rank run faster.
  Mat<T> work;
  for (auto last = static_cast<Index>(blocks.size()); last > 0; last -= 2) {
    check_interrupt();
    const auto& second = blocks[static_cast<std::size_t>(last - 1)];
    if (last == 1) return apply_left<T>(second, 'N', x.bottomRows(second.size()), work, threads);
    const auto both = joined<T>(blocks[static_cast<std::size_t>(last - 2)], second);
    apply_left<T>(both, 'N', x.bottomRows(both.size()), work, threads);
  }
}

#define DEEPRMT_INSTANTIATE(T)                                         \
  template void turn_back<T>(const Chased<T>&, Index, MatOut<T>, int); \
  template void turn_back<T>(const std::vector<BlockReflector<T>>&, MatOut<T>, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
