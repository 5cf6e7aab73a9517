#include <cmath>

#include "ceilings.hpp"
#include "deeprmt/jacobian/chain.hpp"

using namespace deeprmt;

namespace {

// The least is one product a layer; drawing the weights and the singular values come on top.
void singular_values(benchmark::State& state) {
  const Index width = state.range(0), depth = 4;
  jacobian::Model<double> model;
  model.widths.assign(depth + 1, width);
  model.kind = jacobian::Weights::haar;
  model.activate = [](const double* h, Index n, double* x, double* slope) {
    for (Index i = 0; i < n; ++i) {
      x[i] = std::tanh(h[i]);
      slope[i] = 1 - x[i] * x[i];
    }
  };
  Mat<double> out(1, width);
  for (auto _ : state) {
    jacobian::singular_values<double>(model, 1, 0, Mat<double>(0, width), 1.0, false, out,
                                      static_cast<int>(state.range(1)));
    benchmark::DoNotOptimize(out.data());
  }
  bench::against(state, bench::Ceiling::gemm, 2.0 * depth * width * width * width);
}
BENCHMARK(singular_values)->ArgNames({"n", "threads"})->ArgsProduct({{500, 2000}, {1, 2}})->UseRealTime();

}  // namespace
