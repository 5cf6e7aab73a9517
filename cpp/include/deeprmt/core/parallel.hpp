// parallel_for: the one way to run a loop on several threads.
#pragma once

#include <algorithm>
#include <functional>

#include "deeprmt/core/types.hpp"

namespace deeprmt {

/// The most threads that the user of this process allows, by OMP_NUM_THREADS or OMP_THREAD_LIMIT when it started or by
/// omp_set_num_threads on this thread since then (threadpoolctl calls that); INT_MAX if nothing was said. For the
/// default of `threads`: the functions below use what they are given.
int allowed_threads();

/// Calls body(i) once for each i in [0, n), on up to `threads` threads, in no fixed order.
/// The body must write only what belongs to i, so that the result is the same for every number of threads.
/// An exception of the body stops the loop and is thrown on the caller's thread: the one of the smallest i that failed.
/// Ctrl-C stops the loop between two calls of the body. In a child process made by fork the loop is serial, because
/// OpenMP's threads do not survive a fork.
void parallel_for(Index n, int threads, const std::function<void(Index)>& body);

/// The same for bodies that call BLAS or LAPACK: holds BLAS to one thread meanwhile, and runs serially where the BLAS
/// at hand offers no way to do so (a threaded BLAS inside a parallel region is slower than no threads at all).
void parallel_blas_for(Index n, int threads, const std::function<void(Index)>& body);

/// Calls body(i, inner_threads) once for each i in [0, count), for bodies that can use threads themselves: many samples
/// at once with one thread each, or one after the other with all threads inside, never both. At once where there are at
/// least as many samples as threads, or where one is too `small` to share. BLAS is held to one thread meanwhile.
void parallel_samples(Index count, int threads, bool small, const std::function<void(Index, int)>& body);

/// `threads`, or 1 where the whole work (flops, or entries touched) is too little to be worth waking another thread:
/// about a third of a millisecond. On a busy machine each parallel region may wait for a time slice of the scheduler.
inline int useful_threads(double work, int threads) { return work < 2e7 ? 1 : threads; }

/// Splits [0, n) into pieces of `grain` and calls body(begin, end) for each. The pieces do not depend on `threads`.
template <class Body>
void parallel_ranges(Index n, Index grain, int threads, const Body& body) {
  parallel_for((n + grain - 1) / grain, threads, [&](Index piece) {
    const Index begin = piece * grain;
    body(begin, std::min(n, begin + grain));
  });
}

}  // namespace deeprmt
