#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>

#include "deeprmt/jacobian/chain.hpp"

using namespace deeprmt;

TEST_CASE("models that describe no network are refused") {
  jacobian::Model<double> model;
  Mat<double> out(1, 3);
  const auto run = [&](int threads) {
    jacobian::singular_values<double>(model, 1, 0, Mat<double>(0, 0), 0.1, false, out, threads);
  };
  CHECK_THROWS_WITH_AS(run(1), "singular_values: widths must be at least two, got 0", std::invalid_argument);
  model.widths = {3, -3, 3};
  CHECK_THROWS_WITH_AS(run(1), "singular_values: widths must be at least 1, got -3 at position 1",
                       std::invalid_argument);
  model.widths = {3, 3, 3};
  CHECK_THROWS_WITH_AS(run(1), "singular_values: activate must be a function, got none", std::invalid_argument);
  model.activate = [](const double* h, Index n, double* x, double* slope) {
    std::copy_n(h, n, x);
    std::fill_n(slope, n, 1.0);
  };
  CHECK_THROWS_WITH_AS(run(0), "singular_values: threads must be at least 1, got 0", std::invalid_argument);
  run(1);
  CHECK(out.minCoeff() >= 0);
}
