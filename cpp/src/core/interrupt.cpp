#include "deeprmt/core/interrupt.hpp"

#include <atomic>
#include <chrono>

namespace deeprmt {
namespace {
std::atomic<bool (*)()> installed{nullptr};
}

void set_interrupt_poll(bool (*poll)()) { installed = poll; }

void check_interrupt() {
  using clock = std::chrono::steady_clock;
  thread_local clock::time_point last = clock::now();
  const auto poll = installed.load(std::memory_order_relaxed);
  if (!poll) return;
  const auto now = clock::now();
  if (now - last < std::chrono::milliseconds(50)) return;
  last = now;
  if (poll()) throw Interrupted();
}

}  // namespace deeprmt
