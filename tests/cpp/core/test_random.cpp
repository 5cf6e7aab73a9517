#include <doctest/doctest.h>

#include "deeprmt/core/random.hpp"

using namespace deeprmt;

// Python draws a stream into a vector; only C++ draws into matrices, views and several threads.
TEST_CASE_TEMPLATE("a matrix of normals is the stream in row-major order, for every number of threads", T, float,
                   double) {
  const Stream stream{42, 1, 2};
  const Index rows = 1030, cols = 257;  // several pieces of rows, none aligned with the blocks of the stream
  Vec<T> flat(rows * cols);
  normals<T>(stream, 0, flat.data(), flat.size());
  const Eigen::Map<const Mat<T>> expected(flat.data(), rows, cols);
  for (const int threads : {1, 2, 3, 8}) {
    Mat<T> m(rows, cols);
    normals<T>(stream, m, T(1), threads);
    CHECK((m.array() == expected.array()).all());
    normals<T>(stream, m, T(0.5), threads);
    CHECK((m.array() == T(0.5) * expected.array()).all());
  }
}

TEST_CASE("a view is filled without touching what lies between its rows") {
  Mat<double> wide = Mat<double>::Constant(40, 20, 99), whole(40, 13);
  normals<double>({7, 0, 0}, wide.middleCols(3, 13), 1.0, 2);
  normals<double>({7, 0, 0}, whole, 1.0, 1);
  CHECK((wide.middleCols(3, 13).array() == whole.array()).all());
  CHECK((wide.leftCols(3).array() == 99).all());
  CHECK((wide.rightCols(4).array() == 99).all());
}

TEST_CASE("empty matrices are fine") {
  Mat<double> none(0, 5), narrow(5, 0);
  CHECK_NOTHROW(normals<double>({1, 0, 0}, none, 1.0, 2));
  CHECK_NOTHROW(normals<double>({1, 0, 0}, narrow, 1.0, 2));
}
