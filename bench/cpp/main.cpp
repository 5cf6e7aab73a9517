// C++ benchmarks: kernels without Python in between, each beside the ceiling of this machine (ceilings.hpp).
#include <benchmark/benchmark.h>

#include "ceilings.hpp"
#include "deeprmt/core/blas.hpp"

int main(int argc, char** argv) {
  deeprmt::blas::load_library(DEEPRMT_BLAS_LIBRARY);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  deeprmt::bench::add_ceilings_to_context();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
