// Ctrl-C in long kernels: a host (Python) installs a poll, kernels call check_interrupt between pieces of work.
#pragma once

#include <exception>

namespace deeprmt {

struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

/// `poll` answers whether to stop. Each thread of a kernel calls it, at most every 50 ms; Python's answers
/// no on all threads but its main one.
void set_interrupt_poll(bool (*poll)());

/// Throws Interrupted if the host wants to stop. Cheap: reads a clock, polls rarely.
void check_interrupt();

}  // namespace deeprmt
