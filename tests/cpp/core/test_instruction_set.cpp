#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "deeprmt/core/clones.hpp"
#include "deeprmt/core/instruction_set.hpp"
#include "deeprmt/core/types.hpp"

using namespace deeprmt;

namespace {

DEEPRMT_LEAF void add_loop(const double* x, double* sum, Index n) {
  for (Index i = 0; i < n; ++i) sum[i] += x[i];
}
constexpr auto add = clones<add_loop>;

DEEPRMT_LEAF double total_loop(const double* x, Index n) {
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += x[i];
  return sum;
}
constexpr auto total = clones<total_loop>;

/// Restores what was in use.
struct Restore {
  std::string before = name(instruction_set());
  ~Restore() { use_instruction_set(before); }
};

}  // namespace

TEST_CASE("each available instruction set can be used, and its clones compute") {
  const Restore restore;
  const auto sets = available_instruction_sets();
  REQUIRE(!sets.empty());
  CHECK(std::is_sorted(sets.begin(), sets.end()));
  for (const auto set : sets) {
    use_instruction_set(name(set));
    CHECK(instruction_set() == set);
    double x[37], sum[37] = {};
    for (int i = 0; i < 37; ++i) x[i] = i;
    add(x, sum, 37);
    add(x, sum, 37);
    for (int i = 0; i < 37; ++i) CHECK(sum[i] == 2 * i);
    CHECK(total(x, 37) == 36 * 37 / 2);
  }
}

TEST_CASE("an instruction set that is not there is refused and changes nothing") {
  const auto before = instruction_set();
  CHECK_THROWS_WITH_AS(use_instruction_set("mmx"), doctest::Contains("got \"mmx\""), std::invalid_argument);
  CHECK(instruction_set() == before);
}
