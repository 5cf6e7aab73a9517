#include "ceilings.hpp"
#include "deeprmt/laws/marchenko_pastur.hpp"

using namespace deeprmt;

namespace {

// Closed forms at 10^5 points; next to copying points and values, each costs its square roots and arctangents.
template <double (laws::MarchenkoPastur::*method)(double) const>
void marchenko_pastur(benchmark::State& state) {
  const laws::MarchenkoPastur law(0.5, 1.0, false);
  const Vec<double> x = Vec<double>::LinSpaced(100'000, law.low(), law.high());
  Vec<double> out(x.size());
  for (auto _ : state) {
    for (Index i = 0; i < x.size(); ++i) out[i] = (law.*method)(x[i]);
    benchmark::DoNotOptimize(out.data());
  }
  bench::against(state, bench::Ceiling::copy, static_cast<double>(2 * x.size() * sizeof(double)));
}
BENCHMARK(marchenko_pastur<&laws::MarchenkoPastur::pdf>)->Name("marchenko_pastur/pdf")->UseRealTime();
BENCHMARK(marchenko_pastur<&laws::MarchenkoPastur::cdf>)->Name("marchenko_pastur/cdf")->UseRealTime();

}  // namespace
