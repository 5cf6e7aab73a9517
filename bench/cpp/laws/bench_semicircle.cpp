#include "ceilings.hpp"
#include "deeprmt/laws/semicircle.hpp"

using namespace deeprmt;

namespace {

template <double (laws::Semicircle::*method)(double) const>
void semicircle(benchmark::State& state) {
  const laws::Semicircle law(1.0);
  const Vec<double> x = Vec<double>::LinSpaced(100'000, -2.0, 2.0);
  Vec<double> out(x.size());
  for (auto _ : state) {
    for (Index i = 0; i < x.size(); ++i) out[i] = (law.*method)(x[i]);
    benchmark::DoNotOptimize(out.data());
  }
  bench::against(state, bench::Ceiling::copy, static_cast<double>(2 * x.size() * sizeof(double)));
}
BENCHMARK(semicircle<&laws::Semicircle::pdf>)->Name("semicircle/pdf")->UseRealTime();
BENCHMARK(semicircle<&laws::Semicircle::cdf>)->Name("semicircle/cdf")->UseRealTime();

}  // namespace
