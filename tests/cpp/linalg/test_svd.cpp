#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/random.hpp"
#include "deeprmt/linalg/svd.hpp"

using namespace deeprmt;

TEST_CASE_TEMPLATE(
    "singular values of a stack go to a view, are the same for every number of threads, and leave BLAS's "
    "threads as they were",
    T, float, double) {
  const Index count = 5, m = 130, n = 90;
  Mat<T> stack(count, m * n);
  normals<T>({3, 0, 0}, stack, T(1), 1);
  const int before = blas::get_threads();
  Mat<T> expected(count, n), wide = Mat<T>::Constant(count, n + 2, T(-1));
  linalg::svdvals<T>(stack.data(), count, m, n, expected, 1);
  for (const int threads : {1, 2, 4}) {
    linalg::svdvals<T>(stack.data(), count, m, n, wide.middleCols(1, n), threads);
    CHECK((wide.middleCols(1, n).array() == expected.array()).all());
    CHECK((wide.col(0).array() == -1).all());
    CHECK((wide.col(n + 1).array() == -1).all());
  }
  CHECK(blas::get_threads() == before);
  // Exact sums: sum s^2 is the squared Frobenius norm, up to rounding.
  for (Index c = 0; c < count; ++c)
    CHECK(expected.row(c).squaredNorm() ==
          doctest::Approx(stack.row(c).squaredNorm()).epsilon(100 * std::numeric_limits<T>::epsilon()));
}

TEST_CASE("a failure inside a stack reaches the caller, and BLAS's threads are as before") {
  Mat<double> stack = Mat<double>::Ones(4, 9);
  stack(2, 4) = std::numeric_limits<double>::quiet_NaN();
  Mat<double> out(4, 3);
  const int before = blas::get_threads();
  for (const int threads : {1, 2})
    CHECK_THROWS_AS(linalg::svdvals<double>(stack.data(), 4, 3, 3, out, threads), std::invalid_argument);
  CHECK(blas::get_threads() == before);
}
