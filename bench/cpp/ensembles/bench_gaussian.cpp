#include "ceilings.hpp"
#include "deeprmt/ensembles/gaussian.hpp"

using namespace deeprmt;

namespace {

void goe(benchmark::State& state) {
  const Index n = state.range(0);
  Mat<double> out(n, n);
  for (auto _ : state) {
    ensembles::goe<double>({1, 0, 0}, out, static_cast<int>(state.range(1)));
    benchmark::DoNotOptimize(out.data());
  }
  bench::against(state, bench::Ceiling::copy, static_cast<double>(out.size() * sizeof(double)));
}
BENCHMARK(goe)->ArgNames({"n", "threads"})->ArgsProduct({{2000}, {1, 2}})->UseRealTime();

// n^2 m flops for the lower half of G G^T, m = n here.
void wishart(benchmark::State& state) {
  const Index n = state.range(0);
  Mat<double> out(n, n);
  for (auto _ : state) {
    ensembles::wishart<double>({1, 0, 0}, n, out, static_cast<int>(state.range(1)));
    benchmark::DoNotOptimize(out.data());
  }
  bench::against(state, bench::Ceiling::gemm, 1.0 * n * n * n);
}
BENCHMARK(wishart)->ArgNames({"n", "threads"})->ArgsProduct({{2000}, {1, 2}})->UseRealTime();

}  // namespace
