#include <doctest/doctest.h>

#include <stdexcept>

#include "deeprmt/tails/hill.hpp"

using namespace deeprmt;

TEST_CASE("outputs of hill must not overlap the values or each other") {
  Vec<double> x = Vec<double>::LinSpaced(10, 1, 10), xi(9), error(9);
  tails::hill(x, xi, error, 1);
  CHECK_THROWS_WITH_AS(tails::hill(x, x.head(9), error, 1), "hill: xi must not overlap the values",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(tails::hill(x, xi, x.tail(9), 1), "hill: error must not overlap the values",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(tails::hill(x, xi, xi, 1), "hill: error must not overlap xi", std::invalid_argument);
}
