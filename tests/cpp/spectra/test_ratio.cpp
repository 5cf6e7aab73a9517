#include <doctest/doctest.h>

#include <stdexcept>

#include "deeprmt/spectra/ratio.hpp"

using namespace deeprmt;

TEST_CASE("spacing_ratio reads and writes strided views, and refuses a wrong shape of out") {
  Mat<double> wide(2, 6);
  wide << 0, 1, 3, 4, -1, -1, 0, 2, 3, 7, -1, -1;
  Mat<double> target = Mat<double>::Constant(2, 5, -2);
  spectra::spacing_ratio<double>(wide.leftCols(4), target.middleCols(1, 2), 2);
  Mat<double> expected(2, 5);
  expected << -2, 0.5, 0.5, -2, -2, -2, 0.5, 0.25, -2, -2;
  CHECK((target.array() == expected.array()).all());
  CHECK_THROWS_AS(spectra::spacing_ratio<double>(wide.leftCols(4), target, 1), std::invalid_argument);
}
