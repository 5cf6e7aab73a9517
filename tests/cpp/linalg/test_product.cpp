#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/random.hpp"
#include "deeprmt/linalg/product.hpp"

using namespace deeprmt;

namespace {
template <class T>
Mat<T> gaussian(Index rows, Index cols, std::uint32_t part) {
  Mat<T> m(rows, cols);
  normals<T>({1, 0, part}, m, T(1), 1);
  return m;
}
}  // namespace

TEST_CASE_TEMPLATE("products of views equal plain sums, whatever the transposes, and leave the gaps alone", T, float,
                   double) {
  const Index m = 150, n = 90, k = 70;
  for (const char op_a : {'N', 'T'})
    for (const char op_b : {'N', 'T'}) {
      const Mat<T> wide_a = op_a == 'N' ? gaussian<T>(m, k + 3, 0) : gaussian<T>(k, m + 3, 0);
      const Mat<T> wide_b = op_b == 'N' ? gaussian<T>(k, n + 2, 1) : gaussian<T>(n, k + 2, 1);
      const MatIn<T> a = wide_a.rightCols(wide_a.cols() - 3), b = wide_b.leftCols(wide_b.cols() - 2);
      const Mat<T> plain_a = op_a == 'N' ? Mat<T>(a) : Mat<T>(a.transpose());
      const Mat<T> plain_b = op_b == 'N' ? Mat<T>(b) : Mat<T>(b.transpose());
      const Mat<T> expected = T(2) * plain_a.lazyProduct(plain_b);
      // With beta = 0 what c held must not matter, not even NaN.
      Mat<T> wide_c = Mat<T>::Constant(m, n + 5, std::numeric_limits<T>::quiet_NaN());
      linalg::multiply<T>(op_a, op_b, T(2), a, b, T(0), wide_c.middleCols(1, n), 2);
      // Sums of k terms of size 1 in another order: k eps each is ample.
      const T tolerance = 4 * k * std::numeric_limits<T>::epsilon();
      CHECK((wide_c.middleCols(1, n) - expected).cwiseAbs().maxCoeff() < tolerance);
      CHECK(wide_c.col(0).array().isNaN().all());
      CHECK(wide_c.rightCols(4).array().isNaN().all());
      linalg::multiply<T>(op_a, op_b, T(2), a, b, T(-1), wide_c.middleCols(1, n), 1);
      CHECK(wide_c.middleCols(1, n).cwiseAbs().maxCoeff() < 2 * tolerance);
    }
}

TEST_CASE("large products are the same to the last bit for every number of threads, ours or BLAS's") {
  const Mat<double> a = gaussian<double>(700, 500, 0), b = gaussian<double>(500, 900, 1);
  Mat<double> expected(700, 900), c(700, 900);
  linalg::multiply<double>('N', 'N', 1, a, b, 0, expected, 1);
  for (const int threads : {2, 3, 8}) {
    linalg::multiply<double>('N', 'N', 1, a, b, 0, c, threads);
    CHECK((c.array() == expected.array()).all());
    const blas::Threads limit(1);
    linalg::multiply<double>('N', 'N', 1, a, b, 0, c, threads);
    CHECK((c.array() == expected.array()).all());
  }
}

TEST_CASE("outputs must not overlap inputs; columns of one matrix beside each other do not") {
  Mat<double> all = gaussian<double>(20, 40, 0);
  const Mat<double> b = gaussian<double>(20, 20, 1), a = all.leftCols(20), expected = a.lazyProduct(b);
  linalg::multiply<double>('N', 'N', 1, all.leftCols(20), b, 0, all.rightCols(20), 1);
  CHECK((all.rightCols(20) - expected).cwiseAbs().maxCoeff() < 1e-12);
  CHECK_THROWS_WITH_AS(linalg::multiply<double>('N', 'N', 1, all.leftCols(20), b, 0, all.middleCols(19, 20), 1),
                       "multiply: c must not overlap a", std::invalid_argument);
  Mat<double> c = b;
  CHECK_THROWS_WITH_AS(linalg::multiply<double>('N', 'N', 1, a, c, 0, c, 1), "multiply: c must not overlap b",
                       std::invalid_argument);
}
