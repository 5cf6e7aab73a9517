#include "ceilings.hpp"
#include "deeprmt/core/random.hpp"
#include "deeprmt/linalg/svd.hpp"

using namespace deeprmt;

namespace {

// 8/3 n^3 flops is what a reduction to bidiagonal form takes at least.
template <class T>
void svdvals(benchmark::State& state) {
  const Index n = state.range(0);
  Mat<T> a(n, n), out(1, n);
  normals<T>({1, 0, 0}, a, T(1), 1);
  for (auto _ : state) {
    linalg::svdvals<T>(a.data(), 1, n, n, out, static_cast<int>(state.range(1)));
    benchmark::DoNotOptimize(out.data());
  }
  bench::against(state, bench::Ceiling::gemm, 8.0 / 3 * n * n * n);
}
BENCHMARK(svdvals<double>)->ArgNames({"n", "threads"})->ArgsProduct({{500, 2000}, {1, 2}})->UseRealTime();
BENCHMARK(svdvals<float>)->ArgNames({"n", "threads"})->Args({2000, 2})->UseRealTime();

}  // namespace
