#include "deeprmt/core/parallel.hpp"

#include <omp.h>
#include <pthread.h>

#include <atomic>
#include <exception>
#include <limits>
#include <mutex>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/memory.hpp"

namespace deeprmt {
namespace {

std::atomic<bool> forked{false};
[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, [] { forked = true; });

// OpenMP's own default is the number of cores when it was loaded; anything else is what somebody said.
const int threads_at_load = omp_get_max_threads();
const bool told_at_load = threads_at_load != omp_get_num_procs();

/// The failure of the smallest index, kept until the loop has ended.
class FirstFailure {
 public:
  bool any() const { return failed_.load(std::memory_order_relaxed); }
  void keep(Index i, std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (!failure_ || i < index_) {
      failure_ = std::move(failure);
      index_ = i;
    }
    failed_ = true;
  }
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::exception_ptr failure_;
  Index index_ = 0;
};

/// A limit on the address space may leave room for fewer threads: OpenMP ends the process if it cannot start one, and
/// OpenBLAS waits for ever. A thread takes its stack, of 8 MiB in general, up to 128 MiB of the C library's heap, and
/// BLAS's buffer.
int with_room(int team) {
  const AddressSpace space = address_space();
  if (!space.limited()) return team;
  const std::int64_t each = (std::int64_t{144} << 20) + blas::buffer_size();
  return static_cast<int>(std::min<std::int64_t>(team, 1 + space.bytes / each));
}

}  // namespace

int allowed_threads() {
  const int now = omp_get_max_threads();
  const bool told = told_at_load || now != threads_at_load;
  return std::min(told ? now : std::numeric_limits<int>::max(), omp_get_thread_limit());
}

void parallel_for(Index n, int threads, const std::function<void(Index)>& body) {
  if (threads <= 1 || n <= 1 || forked || omp_in_parallel()) {
    for (Index i = 0; i < n; ++i) {
      check_interrupt();
      body(i);
    }
    return;
  }
  FirstFailure failure;
  // More threads than that only take memory and time, whoever asks for them.
  static const int most = std::max(64, 2 * omp_get_num_procs());
  const int team = with_room(static_cast<int>(std::min<Index>(std::min(threads, most), n)));
#pragma omp parallel for num_threads(team) schedule(dynamic, 1)
  for (Index i = 0; i < n; ++i) {
    if (failure.any()) continue;
    try {
      if (omp_get_thread_num() == 0) check_interrupt();
      body(i);
    } catch (...) {
      failure.keep(i, std::current_exception());
    }
  }
  failure.rethrow();
}

void parallel_blas_for(Index n, int threads, const std::function<void(Index)>& body) {
  const blas::Threads single(1);
  parallel_for(n, blas::has_thread_control() ? threads : 1, body);
}

void parallel_samples(Index count, int threads, bool small, const std::function<void(Index, int)>& body) {
  if (small || count >= threads) return parallel_blas_for(count, threads, [&](Index i) { body(i, 1); });
  const blas::Threads single(1);
  for (Index i = 0; i < count; ++i) {
    check_interrupt();
    body(i, threads);
  }
}

}  // namespace deeprmt
