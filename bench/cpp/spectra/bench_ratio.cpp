#include <algorithm>

#include "ceilings.hpp"
#include "deeprmt/core/random.hpp"
#include "deeprmt/spectra/ratio.hpp"

using namespace deeprmt;

namespace {

template <class T>
void spacing_ratio(benchmark::State& state) {
  Mat<T> levels(state.range(0), state.range(1));
  uniforms<T>({1, 0, 0}, 0, levels.data(), levels.size());
  for (Index r = 0; r < levels.rows(); ++r) std::sort(levels.row(r).begin(), levels.row(r).end());
  Mat<T> out(levels.rows(), levels.cols() - 2);
  for (auto _ : state) {
    spectra::spacing_ratio<T>(levels, out, 1);
    benchmark::DoNotOptimize(out.data());
  }
  bench::against(state, bench::Ceiling::copy, static_cast<double>((levels.size() + out.size()) * sizeof(T)));
}
BENCHMARK(spacing_ratio<double>)->Args({256, 4096})->UseRealTime();
BENCHMARK(spacing_ratio<float>)->Args({256, 4096})->UseRealTime();

}  // namespace
