// What this machine can do at best, measured in the same run as the benches, so that ratios travel between machines.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/types.hpp"

namespace deeprmt::bench {

enum class Ceiling {
  gemm,  ///< flops a second of a large double precision product, on the threads that BLAS uses
  copy,  ///< bytes a second that one thread copies, read plus written, far beyond the caches
};

/// The least seconds of one call, over `repeats` calls after a first one that warms up.
template <class F>
double least_seconds(int repeats, F&& call) {
  using clock = std::chrono::steady_clock;
  call();
  double least = 1e300;
  for (int i = 0; i < repeats; ++i) {
    const auto start = clock::now();
    call();
    least = std::min(least, std::chrono::duration<double>(clock::now() - start).count());
  }
  return least;
}

/// Flops or bytes a second; measured once a process.
inline double rate(Ceiling ceiling) {
  static const double gemm = [] {
    const Index n = 1500;
    const Mat<double> a = Mat<double>::Ones(n, n), b = a;
    Mat<double> c(n, n);
    const double seconds = least_seconds(5, [&] {
      c.noalias() = a * b;
      benchmark::DoNotOptimize(c.data());
    });
    return 2.0 * n * n * n / seconds;
  }();
  static const double copy = [] {
    const std::vector<double> from(std::size_t{1} << 24, 1.0);
    std::vector<double> to(from.size());
    const std::size_t bytes = from.size() * sizeof(double);
    const double seconds = least_seconds(5, [&] {
      std::memcpy(to.data(), from.data(), bytes);
      benchmark::DoNotOptimize(to.data());
      benchmark::ClobberMemory();
    });
    return 2.0 * bytes / seconds;
  }();
  return ceiling == Ceiling::gemm ? gemm : copy;
}

/// Reports `work` (flops for gemm; bytes read plus written for copy) of one iteration as a rate, and as a fraction of
/// the ceiling's (a number without unit, although Google Benchmark prints every rate with "/s"). Call it after the
/// loop; the bench must count wall time (UseRealTime).
inline void against(benchmark::State& state, Ceiling ceiling, double work) {
  using benchmark::Counter;
  const bool flops = ceiling == Ceiling::gemm;
  state.counters[flops ? "flops" : "bytes"] = Counter(work, Counter::kIsIterationInvariantRate);
  state.counters[flops ? "of_gemm" : "of_copy"] = Counter(work / rate(ceiling), Counter::kIsIterationInvariantRate);
}

inline void add_ceilings_to_context() {
  benchmark::AddCustomContext("blas", blas::provider());
  benchmark::AddCustomContext("gemm_gflops", std::to_string(rate(Ceiling::gemm) * 1e-9));
  benchmark::AddCustomContext("copy_gbytes_per_second", std::to_string(rate(Ceiling::copy) * 1e-9));
}

}  // namespace deeprmt::bench
