#include "ceilings.hpp"
#include "deeprmt/core/random.hpp"
#include "deeprmt/linalg/eigh.hpp"

using namespace deeprmt;

namespace {

// 4/3 n^3 flops is what a reduction to tridiagonal form takes at least.
void eigvalsh(benchmark::State& state) {
  const Index n = state.range(0);
  Mat<double> a(n, n), out(1, n);
  normals<double>({1, 0, 0}, a, 1.0, 1);
  a = (a + a.transpose()).eval();
  for (auto _ : state) {
    linalg::eigvalsh<double>(a.data(), 1, n, out, static_cast<int>(state.range(1)));
    benchmark::DoNotOptimize(out.data());
  }
  bench::against(state, bench::Ceiling::gemm, 4.0 / 3 * n * n * n);
}
BENCHMARK(eigvalsh)->ArgNames({"n", "threads"})->ArgsProduct({{500, 2000}, {1, 2}})->UseRealTime();

}  // namespace
