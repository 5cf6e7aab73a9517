#include "ceilings.hpp"
#include "deeprmt/core/random.hpp"

using namespace deeprmt;

namespace {

template <class T>
void normals(benchmark::State& state) {
  Vec<T> out(state.range(0));
  for (auto _ : state) {
    deeprmt::normals<T>({1, 0, 0}, 0, out.data(), out.size());
    benchmark::DoNotOptimize(out.data());
  }
  bench::against(state, bench::Ceiling::copy, static_cast<double>(out.size() * sizeof(T)));
}
BENCHMARK(normals<double>)->Arg(1 << 20)->UseRealTime();
BENCHMARK(normals<float>)->Arg(1 << 20)->UseRealTime();

void normal_matrix(benchmark::State& state) {
  Mat<double> out(2000, 2000);
  for (auto _ : state) {
    deeprmt::normals<double>({1, 0, 0}, out, 1.0, static_cast<int>(state.range(0)));
    benchmark::DoNotOptimize(out.data());
  }
  bench::against(state, bench::Ceiling::copy, static_cast<double>(out.size() * sizeof(double)));
}
BENCHMARK(normal_matrix)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime();

}  // namespace
