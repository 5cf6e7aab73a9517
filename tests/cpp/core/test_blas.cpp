#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "deeprmt/core/blas.hpp"

using namespace deeprmt;

TEST_CASE("the provider is known, and every routine has an address in both precisions") {
  CHECK(!blas::provider().empty());
  for (int r = 0; r < static_cast<int>(blas::Routine::count); ++r)
    for (const bool is_double : {false, true}) CHECK(blas::detail::address(static_cast<blas::Routine>(r), is_double));
}

TEST_CASE("OpenBLAS says its name, version and kernel") {
  if (blas::library().find("OpenBLAS") == std::string::npos) return;  // another BLAS may say less
  CHECK(blas::library().rfind("OpenBLAS ", 0) == 0);
  CHECK(std::count(blas::library().begin(), blas::library().end(), ' ') == 2);
}

TEST_CASE("a missing library, or one without BLAS, is refused, and the table stays as it was") {
  void* const before = blas::detail::address(blas::Routine::gemm, true);
  CHECK_THROWS_AS(blas::load_library("/nowhere/libblas.so"), std::runtime_error);
  CHECK_THROWS_WITH(blas::load_library("libm.so.6"), "load_library: no routine saxpy_");
  CHECK(blas::detail::address(blas::Routine::gemm, true) == before);
}

TEST_CASE("dimensions beyond 32 bits are refused") {
  CHECK(blas::narrow(std::numeric_limits<int>::max()) == std::numeric_limits<int>::max());
  CHECK_THROWS_AS(blas::narrow(Index{1} << 31), std::invalid_argument);
}

// Eigen's products go through the table: all layouts, and views whose rows lie further apart than they are long.
TEST_CASE_TEMPLATE("products of strided views equal the sums they stand for", T, float, double) {
  const Index m = 37, n = 29, k = 53;
  Mat<T> wide_a(m, k + 5), wide_b(k, n + 3), wide_c = Mat<T>::Constant(m, n + 7, T(-1));
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < k + 5; ++j) wide_a(i, j) = T((7 * i + 3 * j) % 11 - 5);
  for (Index i = 0; i < k; ++i)
    for (Index j = 0; j < n + 3; ++j) wide_b(i, j) = T((5 * i + 2 * j) % 13 - 6);
  const MatIn<T> a = wide_a.middleCols(2, k), b = wide_b.leftCols(n);
  MatOut<T> c = wide_c.middleCols(4, n);
  c.noalias() = a * b;
  bool equal = true, untouched = true;
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j < n; ++j) {
      T sum = 0;
      for (Index l = 0; l < k; ++l) sum += wide_a(i, l + 2) * wide_b(l, j);
      equal = equal && c(i, j) == sum;  // whole numbers below 2^24: exact in any order
    }
    for (const Index j : {Index{0}, Index{3}, n + 4, n + 6}) untouched = untouched && wide_c(i, j) == T(-1);
  }
  CHECK(equal);
  CHECK(untouched);
  const Vec<T> x = Vec<T>::Ones(k);
  CHECK((a * x - a.rowwise().sum()).cwiseAbs().maxCoeff() == 0);
  const Mat<T> aliased = wide_a.leftCols(m), square = aliased * aliased;
  Mat<T> in_place = aliased;
  in_place = in_place * in_place;  // without noalias Eigen must go through a temporary
  CHECK((in_place - square).cwiseAbs().maxCoeff() == 0);
}

TEST_CASE("nested limits: the smallest wins, and the number from before comes back") {
  if (!blas::has_thread_control()) return;
  const blas::Threads four(4);  // a base above 1, if the machine allows it
  const int before = blas::get_threads();
  {
    const blas::Threads two(2);
    CHECK(blas::get_threads() == std::min(before, 2));
    {
      const blas::Threads one(1);
      CHECK(blas::get_threads() == 1);
      const blas::Threads three(3);
      CHECK(blas::get_threads() == 1);  // a wider wish inside does not widen
    }
    CHECK(blas::get_threads() == std::min(before, 2));
  }
  CHECK(blas::get_threads() == before);
}

TEST_CASE("limits may end in any order") {
  if (!blas::has_thread_control()) return;
  const int before = blas::get_threads();
  auto one = std::make_unique<blas::Threads>(1);
  auto two = std::make_unique<blas::Threads>(2);
  one.reset();
  CHECK(blas::get_threads() == std::min(before, 2));
  two.reset();
  CHECK(blas::get_threads() == before);
}

TEST_CASE("limits on several threads at once: the number from before comes back") {
  if (!blas::has_thread_control()) return;
  const int before = blas::get_threads();
  std::vector<std::thread> crowd;
  for (int t = 0; t < 4; ++t)
    crowd.emplace_back([t] {
      for (int i = 0; i < 200; ++i) const blas::Threads some(1 + (t + i) % 3);
    });
  for (auto& each : crowd) each.join();
  CHECK(blas::get_threads() == before);
}
