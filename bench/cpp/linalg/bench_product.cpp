#include "ceilings.hpp"
#include "deeprmt/linalg/product.hpp"

using namespace deeprmt;

namespace {

// What reproducible tiles cost against BLAS's own threads.
void multiply(benchmark::State& state) {
  const Index n = state.range(0);
  const Mat<double> a = Mat<double>::Ones(n, n), b = a;
  Mat<double> c(n, n);
  for (auto _ : state) {
    linalg::multiply<double>('N', 'N', 1.0, a, b, 0.0, c, static_cast<int>(state.range(1)));
    benchmark::DoNotOptimize(c.data());
  }
  bench::against(state, bench::Ceiling::gemm, 2.0 * n * n * n);
}
BENCHMARK(multiply)->ArgNames({"n", "threads"})->ArgsProduct({{500, 2000}, {1, 2}})->UseRealTime();

}  // namespace
