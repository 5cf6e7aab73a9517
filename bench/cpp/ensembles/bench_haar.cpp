#include "ceilings.hpp"
#include "deeprmt/ensembles/haar.hpp"

using namespace deeprmt;

namespace {

// 4/3 n^3 flops: accumulating n reflectors.
template <class T>
void haar(benchmark::State& state) {
  const Index n = state.range(0);
  Mat<T> out(n, n);
  for (auto _ : state) {
    ensembles::haar<T>({1, 0, 0}, out, static_cast<int>(state.range(1)));
    benchmark::DoNotOptimize(out.data());
  }
  bench::against(state, bench::Ceiling::gemm, 4.0 / 3 * n * n * n);
}
BENCHMARK(haar<double>)->ArgNames({"n", "threads"})->ArgsProduct({{500, 2000}, {1, 2}})->UseRealTime();
BENCHMARK(haar<float>)->ArgNames({"n", "threads"})->Args({2000, 2})->UseRealTime();

}  // namespace
