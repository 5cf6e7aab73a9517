#include <algorithm>

#include "ceilings.hpp"
#include "deeprmt/core/random.hpp"
#include "deeprmt/tails/hill.hpp"

using namespace deeprmt;

namespace {

void hill(benchmark::State& state) {
  Vec<double> values(state.range(0)), out(state.range(0) - 1);
  uniforms<double>({1, 0, 0}, 0, values.data(), values.size());
  values = values.cwiseInverse().eval();  // a Pareto law of tail index 1
  std::sort(values.begin(), values.end());
  for (auto _ : state) {
    tails::hill(values, out, static_cast<int>(state.range(1)));
    benchmark::DoNotOptimize(out.data());
  }
  bench::against(state, bench::Ceiling::copy, static_cast<double>((values.size() + out.size()) * sizeof(double)));
}
BENCHMARK(hill)->ArgNames({"n", "threads"})->ArgsProduct({{1'000'000}, {1, 2}})->UseRealTime();

}  // namespace
