#include "chase.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "deeprmt/core/check.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"
#include "pack.hpp"
#include "reflect.hpp"

namespace deeprmt::linalg {
namespace {

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
  void read_diagonals(VecOut<T> diagonal, VecOut<T> beside) {
    for (Index i = 0; i < rows_; ++i) {
      diagonal[i] = *at(i, i);
      if (i + 1 < rows_) beside[i] = *at(i, i + 1);
    }
  }
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
/// The matrix is cut into as many parts as there are threads, and each thread works on its own part, which stays in its
/// cache: it takes a group of sweeps through it and hands them on to the next.
template <class Tasks, class Task>
class Pipeline {
 public:
  Pipeline(Index sweeps, int threads, const Tasks& tasks, const Task& task)
      : parts_(std::max(threads, 1)), tasks_(tasks), task_(task) {
    constexpr Index most = 6;  // sweeps of a group; fewer where the parts are too short for that many
    for (Index begin = 0; begin < sweeps;) {
      begin_.push_back(begin);
      begin += std::clamp<Index>((tasks(begin) / parts_ - 2) / lag, 1, most);
    }
    begin_.push_back(sweeps);
    done_ = std::vector<std::atomic<Index>>(begin_.size() - 1);
  }

  void run() {
    if (done_.empty()) return;
    parallel_for(parts_, static_cast<int>(parts_), [&](Index) {
      try {
        work();
      } catch (...) {
        stop_ = true;
        throw;
      }
    });
  }

 private:
  static constexpr Index lag = 2;

  /// A part of the matrix, and the group that has come to it.
  struct Part {
    Index number, group = 0;
  };

  Index groups() const { return static_cast<Index>(done_.size()); }
  Index begin(Index group) const { return begin_[static_cast<std::size_t>(group)]; }
  Index size(Index group) const { return begin(group + 1) - begin(group); }
  Index steps(Index group) const { return tasks_(begin(group)) + lag * (size(group) - 1); }
  std::atomic<Index>& done(Index group) { return done_[static_cast<std::size_t>(group)]; }

  /// One thread. Parts that no other thread has taken, because there are fewer threads than parts, it takes as well.
  void work() {
    std::vector<Part> mine;
    for (int idle = 0; !stop_;) {
      bool moved = false, finished = true;
      for (Part& part : mine) {
        moved = advance(part) || moved;
        finished = finished && part.group == groups();
      }
      if (moved) {
        idle = 0;
      } else if (const Index more = taken_.load(); more < parts_ && (mine.empty() || idle > patience)) {
        if (const Index number = taken_++; number < parts_) mine.push_back({number});
        idle = 0;
      } else if (finished && more >= parts_) {
        return;
      } else if (++idle > 64) {
        check_interrupt();
        std::this_thread::yield();
      }
    }
  }

  /// Takes the group at hand as far through the part as the group before allows, and then the next. Whether it moved.
  bool advance(Part& part) {
    bool moved = false;
    for (; part.group < groups() && !stop_; ++part.group) {
      const Index g = part.group, total = steps(g), first = begin(g), last = begin(g + 1);
      const Index from = total * part.number / parts_, to = total * (part.number + 1) / parts_;
      Index step = done(g).load(std::memory_order_acquire);
      if (step < from) return moved;
      for (; step < to; ++step) {
        if (g > 0) {
          const Index ahead = std::min(steps(g - 1), step + lag * size(g - 1) + 1);
          if (done(g - 1).load(std::memory_order_acquire) < ahead) return moved;
        }
        check_interrupt();
        for (Index i = first, t = step; i < last && t >= 0; ++i, t -= lag)
          if (t < tasks_(i)) task_(i, t);
        done(g).store(step + 1, std::memory_order_release);
        moved = true;
      }
    }
    return moved;
  }

  static constexpr int patience = 1000;
  Index parts_;
  const Tasks& tasks_;
  const Task& task_;
  std::vector<Index> begin_;              // first sweep of each group, and the end
  std::vector<std::atomic<Index>> done_;  // steps that each group has made
  std::atomic<Index> taken_{0};
  std::atomic<bool> stop_{false};
};

template <class Tasks, class Task>
void pipeline(Index sweeps, int threads, const Tasks& tasks, const Task& task) {
  Pipeline<Tasks, Task>(sweeps, threads, tasks, task).run();
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
  const auto tasks = [&](Index i) { return reflectors_of_sweep(n, width, i); };
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
  band.read_diagonals(diagonal, superdiagonal);
}

template <class T>
void band_to_tridiagonal(MatIn<T> a, Index width, VecOut<T> diagonal, VecOut<T> off, Chased<T>* q, int threads) {
  check_band("band_to_tridiagonal", a.rows(), a.cols(), width);
  const Index n = a.cols();
  Band<T> band(a, width);
  make_room(q, n, width);
  const Index ld = band.ld();
  const auto tasks = [&](Index i) { return reflectors_of_sweep(n, width, i); };
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
  band.read_diagonals(diagonal, off);
}

#define DEEPRMT_INSTANTIATE(T)                                                                             \
  template void band_to_bidiagonal<T>(MatIn<T>, Index, VecOut<T>, VecOut<T>, Chased<T>*, Chased<T>*, int); \
  template void band_to_tridiagonal<T>(MatIn<T>, Index, VecOut<T>, VecOut<T>, Chased<T>*, int);
DEEPRMT_INSTANTIATE(float)
DEEPRMT_INSTANTIATE(double)

}  // namespace deeprmt::linalg
