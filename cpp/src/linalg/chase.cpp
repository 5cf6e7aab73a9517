#include "chase.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "reflect.hpp"

namespace deeprmt::linalg {
namespace {

using reflect::pack;

Index up(Index size, Index step) { return (size + step - 1) / step * step; }

/// The band and its bulges, row by row. All rows have a column on the same place of a cache line, and a line more than
/// they need on either side.
template <class T>
class Band {
 public:
  Band(MatIn<T> a, Index band)
      : rows_(a.cols()), ld_(3 * up(band, pack<T>) + 2 * pack<T>), low_(up(band, pack<T>) + pack<T>) {
    const std::size_t size = static_cast<std::size_t>(rows_ * ld_ + rows_ + ld_);
    store_.reset(static_cast<T*>(::operator new(size * sizeof(T), std::align_val_t{64})));
    std::fill_n(store_.get(), size, T(0));
    for (Index i = 0; i < rows_; ++i) {
      const Index count = std::min(band + 1, rows_ - i);
      std::copy_n(a.data() + i * a.outerStride() + i, count, at(i, i));
    }
  }

  Index ld() const { return ld_; }
  T* at(Index i, Index j) { return store_.get() + i * ld_ + j + low_; }
  /// How far column j lies from the start of a cache line.
  Index shift(Index j) const { return (j + low_) % pack<T>; }

 private:
  struct Free {
    void operator()(T* store) const { ::operator delete(store, std::align_val_t{64}); }
  };
  Index rows_, ld_, low_;
  std::unique_ptr<T, Free> store_;
};

/// Calls task(i, t) for each sweep i in [0, sweeps) and t in [0, tasks(i)), tasks(i) falling with i, so that task
/// (i, t) comes after (i, t - 1) and (i - 1, t + 2); what it writes must be apart from tasks (i - 1, t + 3) and beyond.
/// A thread takes some sweeps at a time, which stay in its cache, and follows the thread that has those before.
template <class Tasks, class Task>
void pipeline(Index sweeps, int threads, const Tasks& tasks, const Task& task) {
  constexpr Index lag = 2;
  if (sweeps <= 0) return;
  const Index span = tasks(0), group = std::clamp<Index>((span / threads - 3) / lag, 1, 6);
  const Index groups = (sweeps + group - 1) / group;
  std::vector<std::atomic<Index>> done(static_cast<std::size_t>(groups));  // steps that each group has made
  std::atomic<Index> next{0};
  std::atomic<bool> stop{false};
  const auto follow = [&](Index g, Index step) {  // whether the group before is far enough ahead
    for (int turn = 0; done[static_cast<std::size_t>(g)].load(std::memory_order_acquire) < step; ++turn) {
      if (stop.load(std::memory_order_relaxed)) return false;
      if (turn > 32) std::this_thread::yield();
    }
    return true;
  };
  const auto run = [&](Index g) {
    const Index begin = g * group, end = std::min(begin + group, sweeps),
                steps = tasks(begin) + lag * (end - begin - 1);
    const Index before = g == 0 ? 0 : tasks(begin - group) + lag * (group - 1);  // steps of the group before
    for (Index step = 0; step < steps; ++step) {
      if (g > 0 && !follow(g - 1, std::min(before, step + lag * group + 1))) return;
      check_interrupt();
      for (Index i = begin, t = step; i < end && t >= 0; ++i, t -= lag)
        if (t < tasks(i)) task(i, t);
      done[static_cast<std::size_t>(g)].store(step + 1, std::memory_order_release);
    }
  };
  const Index team = std::min<Index>(threads, groups);
  parallel_for(team, static_cast<int>(team), [&](Index) {
    try {
      for (Index g; !stop && (g = next++) < groups;) run(g);
    } catch (...) {
      stop = true;
      throw;
    }
  });
}

/// Room for one reflector in padded form, on every thread's stack.
template <class T>
struct Room {
  alignas(64) T entry[reflect::most_packs * pack<T>];
};

/// Sweep i, task t: the columns that it turns, first..last.
struct Place {
  Index first, last, count, shift, packs;
  template <class T>
  Place(const Band<T>& band, Index width, Index n, Index i, Index t)
      : first(i + 1 + t * width),
        last(std::min(first + width, n) - 1),
        count(last - first + 1),
        shift(band.shift(first)),
        packs((shift + count + pack<T> - 1) / pack<T>) {}
};

/// The reflector that takes x (count entries, `step` apart) to (beta, 0, ...), which x becomes.
template <class T>
T take(T* x, Index step, Index count, Index pivot, Index packs, Room<T>& v) {
  std::fill_n(v.entry, packs * pack<T>, T(0));
  for (Index k = 0; k < count; ++k) v.entry[pivot + k] = x[k * step];
  T beta;
  const T tau = reflect::make(v.entry, packs, pivot, beta);
  x[0] = beta;
  for (Index k = 1; k < count; ++k) x[k * step] = 0;
  return tau;
}

template <class T>
void keep(Chased<T>* all, Index i, Index t, const Place& at, const T* v, T tau) {
  if (!all) return;
  std::copy_n(v, at.count, &all->v(i, at.first));
  all->tau(i, t) = tau;
}

template <class T>
void make_room(Chased<T>* all, Index n, Index width) {
  if (!all) return;
  all->v.setZero(n, n);
  all->tau.setZero(n, (n + width - 1) / width);
}

void check_band(const char* function, Index rows, Index cols, Index band) {
  check::that(rows == cols && band >= 1 && band <= widest_band, function, ": wants a square matrix and a band of 1 to ",
              widest_band, ", got (", rows, ", ", cols, ") and ", band);
}

}  // namespace

template <class T>
void band_to_bidiagonal(MatIn<T> a, Index width, VecOut<T> diagonal, VecOut<T> superdiagonal, Chased<T>* q,
                        Chased<T>* p, int threads) {
  check_band("band_to_bidiagonal", a.rows(), a.cols(), width);
  const Index n = a.cols();
  Band<T> band(a, width);
  make_room(q, n, width);
  make_room(p, n, width);
  const Index ld = band.ld();
  const auto tasks = [&](Index i) { return (n - 2 - i + width - 1) / width; };
  pipeline(width > 1 ? n - 2 : 0, threads, tasks, [&](Index i, Index t) {
    const Place at(band, width, n, i, t);
    const Index row = t == 0 ? i : at.first - width;
    Room<T> v;
    // Columns first..last take row `row` to one entry beyond its band; below it the bulge appears.
    T tau = take(band.at(row, at.first), 1, at.count, at.shift, at.packs, v);
    keep(p, i, t, at, v.entry + at.shift, tau);
    reflect::from_right(band.at(row + 1, at.first - at.shift), ld, at.last - row, at.packs, v.entry, tau);
    // Rows first..last take the first column of the bulge to its diagonal entry. What lies left of it is zero.
    tau = take(band.at(at.first, at.first), ld, at.count, 0, (at.count + pack<T> - 1) / pack<T>, v);
    keep(q, i, t, at, v.entry, tau);
    const Index skip = band.shift(at.first + 1), begin = at.first + 1 - skip,
                end = std::min(at.last + width, n - 1) + 1;
    reflect::from_left(band.at(at.first, begin), ld, at.count, (end - begin + pack<T> - 1) / pack<T>, skip, v.entry,
                       tau);
  });
  for (Index i = 0; i < n; ++i) {
    diagonal[i] = *band.at(i, i);
    if (i + 1 < n) superdiagonal[i] = *band.at(i, i + 1);
  }
}

template <class T>
void band_to_tridiagonal(MatIn<T> a, Index width, VecOut<T> diagonal, VecOut<T> off, Chased<T>* q, int threads) {
  check_band("band_to_tridiagonal", a.rows(), a.cols(), width);
  const Index n = a.cols();
  Band<T> band(a, width);
  make_room(q, n, width);
  const Index ld = band.ld();
  const auto tasks = [&](Index i) { return (n - 2 - i + width - 1) / width; };
  pipeline(width > 1 ? n - 2 : 0, threads, tasks, [&](Index i, Index t) {
    const Place at(band, width, n, i, t);
    const Index row = t == 0 ? i : at.first - width;
    Room<T> v, scratch;
    const T tau = take(band.at(row, at.first), 1, at.count, at.shift, at.packs, v);
    keep(q, i, t, at, v.entry + at.shift, tau);
    reflect::from_right(band.at(row + 1, at.first - at.shift), ld, at.first - row - 1, at.packs, v.entry, tau);
    reflect::from_both(band.at(at.first, at.first - at.shift), ld, at.count, at.packs, at.shift, v.entry, tau,
                       scratch.entry);
    const Index begin = at.last + 1, end = std::min(at.last + width, n - 1) + 1;
    if (begin < end) {
      const Index shift = band.shift(begin);
      std::copy_n(v.entry + at.shift, at.count, scratch.entry);
      reflect::from_left(band.at(at.first, begin - shift), ld, at.count, (shift + end - begin + pack<T> - 1) / pack<T>,
                         shift, scratch.entry, tau);
    }
  });
  for (Index i = 0; i < n; ++i) {
    diagonal[i] = *band.at(i, i);
    if (i + 1 < n) off[i] = *band.at(i, i + 1);
  }
}

#define DEEPRMT_INSTANTIATE(T)                                                                             \
  template void band_to_bidiagonal<T>(MatIn<T>, Index, VecOut<T>, VecOut<T>, Chased<T>*, Chased<T>*, int); \
  template void band_to_tridiagonal<T>(MatIn<T>, Index, VecOut<T>, VecOut<T>, Chased<T>*, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
