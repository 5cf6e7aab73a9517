#include <doctest/doctest.h>
#include <omp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "deeprmt/core/blas.hpp"
#include "deeprmt/core/interrupt.hpp"
#include "deeprmt/core/parallel.hpp"

using namespace deeprmt;

TEST_CASE("parallel_for visits each index once") {
  for (const int threads : {1, 2, 4, 64})
    for (const Index n : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> visits(n);
      parallel_for(n, threads, [&](Index i) { ++visits[i]; });
      for (const auto& v : visits) CHECK(v == 1);
    }
}

TEST_CASE("parallel_for uses the threads it is given, and no more") {
  std::atomic<int> team{0};
  parallel_for(8, 3, [&](Index) {
    if (omp_get_thread_num() == 0) team = omp_get_num_threads();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  CHECK(team >= 1);
  CHECK(team <= 3);
}

TEST_CASE("of several failures the caller sees that of the smallest index that ran") {
  // With one index a thread, all of them start before any has failed, so that index 0 always runs.
  for (int repeat = 0; repeat < 20; ++repeat) {
    std::atomic<int> started{0};
    std::string seen;
    try {
      parallel_for(2, 2, [&](Index i) {
        ++started;
        // Both meet here if there are two threads; a lone thread goes on after a while.
        for (int wait = 0; started < 2 && wait < 1000; ++wait)
          std::this_thread::sleep_for(std::chrono::microseconds(100));
        if (i == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // so that index 1 fails first
        throw std::runtime_error("index " + std::to_string(i));
      });
    } catch (const std::runtime_error& failure) {
      seen = failure.what();
    }
    CHECK(seen == "index 0");
  }
}

TEST_CASE("a failure stops the loop") {
  std::atomic<int> ran{0};
  CHECK_THROWS_AS(parallel_for(100000, 2,
                               [&](Index) {
                                 ++ran;
                                 throw std::invalid_argument("no");
                               }),
                  std::invalid_argument);
  CHECK(ran <= 2);  // at most one a thread
}

TEST_CASE("a loop inside a loop is serial") {
  std::atomic<int> most{0};
  parallel_for(4, 2, [&](Index) {
    const int outer = omp_get_thread_num();
    parallel_for(4, 2, [&](Index) {
      if (omp_get_thread_num() != outer) most = 1;
    });
  });
  CHECK(most == 0);
}

TEST_CASE("parallel_ranges covers [0, n) with pieces that do not depend on threads") {
  for (const int threads : {1, 3}) {
    std::vector<Index> size(4, 0);
    parallel_ranges(10, 3, threads, [&](Index begin, Index end) { size[begin / 3] = end - begin; });
    CHECK(size == std::vector<Index>{3, 3, 3, 1});
  }
}

TEST_CASE("BLAS has one thread inside parallel_blas_for, and its own number after it, also after a failure") {
  if (!blas::has_thread_control()) return;
  const int before = blas::get_threads();
  std::atomic<int> most{0};
  parallel_blas_for(4, 2, [&](Index) {
    const int now = blas::get_threads();
    if (now > most) most = now;
  });
  CHECK(most == 1);
  CHECK(blas::get_threads() == before);
  CHECK_THROWS(parallel_blas_for(4, 2, [&](Index) { throw std::runtime_error("no"); }));
  CHECK(blas::get_threads() == before);
}

TEST_CASE("parallel_samples runs many samples at once or many threads on each, never both") {
  for (const bool small : {false, true})
    for (const int threads : {1, 2, 4})
      for (const Index count : {0, 1, 3, 9}) {
        std::vector<std::atomic<int>> visits(count);
        std::atomic<int> wrong{0};
        const bool at_once = small || count >= threads;
        parallel_samples(count, threads, small, [&](Index i, int inner_threads) {
          ++visits[i];
          wrong += inner_threads != (at_once ? 1 : threads);
          wrong += !at_once && omp_in_parallel();
          wrong += blas::has_thread_control() && blas::get_threads() != 1;
        });
        for (const auto& v : visits) CHECK(v == 1);
        CHECK(wrong == 0);
      }
}

TEST_CASE("after fork a child runs its loops serially, and ends") {
  parallel_for(4, 2, [](Index) {});  // OpenMP's threads exist from here on
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const pid_t home = getpid();
    std::vector<int> team(16, 0);
    parallel_for(16, 2, [&](Index i) { team[i] = omp_in_parallel() ? 2 : 1; });
    int wrong = 0;
    for (const int t : team) wrong += t != 1;
    _exit(getpid() == home && wrong == 0 ? 0 : 1);
  }
  int status = -1;
  for (int wait = 0; wait < 600; ++wait) {  // up to 60 s
    if (waitpid(child, &status, WNOHANG) == child) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    status = -1;
  }
  if (status == -1) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  CHECK(status == 0);
}

namespace {
std::atomic<int> polls{0};
struct Poll {
  explicit Poll(bool (*poll)()) { set_interrupt_poll(poll); }
  ~Poll() { set_interrupt_poll(nullptr); }
};
}  // namespace

TEST_CASE("a poll that says stop ends loops, serial and parallel, before their last index") {
  for (const int threads : {1, 2}) {
    polls = 0;
    const Poll installed([] { return ++polls >= 2; });
    std::atomic<Index> ran{0};
    CHECK_THROWS_AS(parallel_for(1'000'000, threads,
                                 [&](Index) {
                                   ++ran;
                                   std::this_thread::sleep_for(std::chrono::milliseconds(1));
                                 }),
                    Interrupted);
    CHECK(polls == 2);
    CHECK(ran < 1'000'000);
  }
}

TEST_CASE("only the calling thread polls") {
  static std::thread::id caller;
  static std::atomic<bool> elsewhere;
  caller = std::this_thread::get_id();
  elsewhere = false;
  const Poll installed([] {
    if (std::this_thread::get_id() != caller) elsewhere = true;
    return false;
  });
  parallel_for(200, 4, [](Index) { std::this_thread::sleep_for(std::chrono::milliseconds(2)); });
  CHECK(!elsewhere);
}
