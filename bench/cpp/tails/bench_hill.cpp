#include <algorithm>

#include "ceilings.hpp"
#include "deeprmt/core/random.hpp"
#include "deeprmt/tails/hill.hpp"

using namespace deeprmt;

namespace {

void hill(benchmark::State& state) {
  Vec<double> values(state.range(0)), xi(state.range(0) - 1), error(xi.size());
  uniforms<double>({1, 0, 0}, 0, values.data(), values.size());
  values = values.cwiseInverse().eval();  // a Pareto law of tail index 1
  std::sort(values.begin(), values.end());
  for (auto _ : state) {
    tails::hill(values, xi, error, static_cast<int>(state.range(1)));
    benchmark::DoNotOptimize(xi.data());
    benchmark::DoNotOptimize(error.data());
  }
  bench::against(state, bench::Ceiling::copy, static_cast<double>((values.size() + 2 * xi.size()) * sizeof(double)));
}
BENCHMARK(hill)->ArgNames({"n", "threads"})->ArgsProduct({{1'000'000}, {1, 2}})->UseRealTime();

}  // namespace
