#include <cmath>

#include "ceilings.hpp"
#include "deeprmt/core/random.hpp"
#include "deeprmt/meanfield/kernels.hpp"

using namespace deeprmt;
using meanfield::KernelNetwork;

namespace {

/// Both kernels of n inputs of width 64, ten layers, against copying what is written.
template <class T, KernelNetwork::Kind kind>
void infinite_kernels(benchmark::State& state) {
  const Index n = state.range(0), width = 64, layers = 10;
  Mat<T> x(n, width), k(n, n), theta(n, n);
  normals<T>({1, 0, 0}, 0, x.data(), x.size());
  x.rowwise().normalize();
  const bool relu = kind == KernelNetwork::Kind::ramp;
  // The fixed point at variance 1 of either activation: weight F(1) + bias = 1.
  const double f = relu ? 0.5 : 2 / std::acos(-1.0) * std::asin(2.0 / 3), bias = relu ? 0.0 : 0.1;
  const double weight = (1 - bias) / f, slope = relu ? 0.5 : 4 / std::acos(-1.0) / std::sqrt(5.0);
  const Mat<double> variances = Mat<double>::Ones(layers, n), seconds = Mat<double>::Constant(layers - 1, n, f),
                    slopes = Mat<double>::Constant(layers - 1, n, slope);
  const meanfield::KernelDiagonals diagonals{variances, seconds, slopes};
  KernelNetwork network;
  network.kind = kind;
  network.weight = weight;
  network.bias = bias;
  network.constants.assign(layers, bias);
  network.from_inputs.assign(layers, weight);
  for (auto _ : state) {
    meanfield::infinite_kernels<T>(x, x, x, x, diagonals, diagonals, network, true, k, theta, 1);
    benchmark::DoNotOptimize(k.data());
    benchmark::DoNotOptimize(theta.data());
  }
  bench::against(state, bench::Ceiling::copy, 4.0 * static_cast<double>(k.size() * sizeof(T)));
}
BENCHMARK(infinite_kernels<double, KernelNetwork::Kind::ramp>)->Arg(1000)->UseRealTime();
BENCHMARK(infinite_kernels<float, KernelNetwork::Kind::ramp>)->Arg(1000)->UseRealTime();
BENCHMARK(infinite_kernels<double, KernelNetwork::Kind::erf>)->Arg(1000)->UseRealTime();
BENCHMARK(infinite_kernels<float, KernelNetwork::Kind::erf>)->Arg(1000)->UseRealTime();

}  // namespace
