// Leaf functions, plain loops over arrays, compiled once for each instruction set and chosen at run time. Never on
// Eigen code: its templates compiled under two settings in one object break the one-definition rule.
//
//   DEEPRMT_LEAF void add_loop(const double* x, double* sum, Index n) { for (Index i = 0; i < n; ++i) sum[i] += x[i]; }
//   constexpr auto add = clones<add_loop>;  // call as add(x, sum, n)
#pragma once

#include "deeprmt/core/instruction_set.hpp"

// x86-64-v4 is a target since GCC 12 and Clang 18; an older compiler builds the plain loop alone.
#if defined(__x86_64__) && defined(__clang__)
#define DEEPRMT_HAS_CLONES (__clang_major__ >= 18)
#elif defined(__x86_64__) && defined(__GNUC__)
#define DEEPRMT_HAS_CLONES (__GNUC__ >= 12)
#else
#define DEEPRMT_HAS_CLONES 0
#endif

/// The loop itself: it must be compiled into each of its clones. So must what it calls, by being inline and small.
#define DEEPRMT_LEAF [[gnu::always_inline]] inline

// The arrays of the next loop do not overlap: there may be too many for the compiler to compare all pairs.
#if defined(__clang__)
#define DEEPRMT_APART _Pragma("clang loop vectorize(assume_safety)")
#else
#define DEEPRMT_APART _Pragma("GCC ivdep")
#endif

namespace deeprmt {

namespace detail {
extern InstructionSet chosen_set;
}

template <auto Loop>
struct Clones;

/// Calls Loop as it was compiled for the instruction set in use.
template <class Result, class... Arguments, Result (*Loop)(Arguments...)>
struct Clones<Loop> {
#if DEEPRMT_HAS_CLONES
  [[gnu::target("arch=x86-64-v4")]] static Result v4(Arguments... arguments) { return Loop(arguments...); }
  [[gnu::target("arch=x86-64-v3")]] static Result v3(Arguments... arguments) { return Loop(arguments...); }
#endif
  [[gnu::noinline]] static Result baseline(Arguments... arguments) { return Loop(arguments...); }

  Result operator()(Arguments... arguments) const {
#if DEEPRMT_HAS_CLONES
    if (detail::chosen_set == InstructionSet::v4) return v4(arguments...);
    if (detail::chosen_set == InstructionSet::v3) return v3(arguments...);
#endif
    return baseline(arguments...);
  }
};

template <auto Loop>
inline constexpr Clones<Loop> clones{};

}  // namespace deeprmt
