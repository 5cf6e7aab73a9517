#include <doctest/doctest.h>

#include <limits>

#include "deeprmt/core/check.hpp"

using namespace deeprmt;

TEST_CASE("messages name function, argument, wish and finding") {
  CHECK_THROWS_WITH_AS(check::at_least("f", "the number of levels", 2, 3),
                       "f: the number of levels must be at least 3, got 2", std::invalid_argument);
  CHECK_NOTHROW(check::at_least("f", "n", 3, 3));

  Mat<double> m = Mat<double>::Zero(2, 3);
  CHECK_NOTHROW(check::shape("f", "out", m, 2, 3));
  CHECK_THROWS_WITH_AS(check::shape("f", "out", m, 3, 2), "f: out must have shape (3, 2), got (2, 3)",
                       std::invalid_argument);

  CHECK_NOTHROW(check::finite("f", "x", m));
  m(1, 0) = std::numeric_limits<double>::infinity();
  m(1, 2) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(check::finite("f", "x", m), "f: x must be finite, found inf at index (1, 0)",
                       std::invalid_argument);  // the first in row-major order

  m.setZero();
  m(1, 0) = 1;
  CHECK_THROWS_WITH_AS(check::ascending_rows("f", "x", m), "f: x must ascend, got a descent in row 1 at position 1",
                       std::invalid_argument);
}

TEST_CASE("checks see a view's entries, not the gaps between its rows") {
  Mat<float> wide = Mat<float>::Zero(3, 5);
  wide.col(4).setConstant(std::numeric_limits<float>::quiet_NaN());
  const MatIn<float> view = wide.leftCols(4);
  CHECK_NOTHROW(check::finite("f", "x", view));
  CHECK_NOTHROW(check::ascending_rows("f", "x", view));
}
