#include <algorithm>

#include "ceilings.hpp"
#include "deeprmt/core/random.hpp"
#include "deeprmt/spectra/unfold.hpp"

using namespace deeprmt;

namespace {

void unfold_gaussian(benchmark::State& state) {
  Mat<double> levels(1, state.range(0)), out(1, state.range(0));
  normals<double>({1, 0, 0}, 0, levels.data(), levels.size());
  std::sort(levels.data(), levels.data() + levels.size());
  for (auto _ : state) {
    spectra::unfold_gaussian(levels, out, state.range(1), 1);
    benchmark::DoNotOptimize(out.data());
  }
  bench::against(state, bench::Ceiling::copy, static_cast<double>(2 * levels.size() * sizeof(double)));
}
BENCHMARK(unfold_gaussian)->ArgNames({"n", "window"})->ArgsProduct({{1000, 100'000}, {8, 15}})->UseRealTime();

}  // namespace
