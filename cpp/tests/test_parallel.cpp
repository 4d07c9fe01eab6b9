#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <omp.h>

#include "mgres/parallel.hpp"

using namespace mgres;

namespace {

constexpr int kThreadCounts[] = {1, 2, 3, 8};

void nap(int milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

}  // namespace

TEST_CASE("every task runs once") {
  for (const int threads : kThreadCounts)
    for (const Index tasks : {0, 1, 2, 7, 1000}) {
      CAPTURE(threads);
      CAPTURE(tasks);
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(tasks));
      std::atomic<int> strange{0};
      Interrupt never;
      parallel_for(tasks, threads, never, [&](Index i, int thread) {
        ++runs[static_cast<std::size_t>(i)];
        if (thread < 0 || thread >= threads) ++strange;
      });
      int once = 0;
      for (const auto& count : runs) once += count == 1;
      CHECK(once == tasks);
      CHECK(strange == 0);
    }
}

TEST_CASE("threads are numbered, no two tasks share one at a time, and 0 is the caller's") {
  const std::thread::id caller = std::this_thread::get_id();
  for (const int threads : kThreadCounts) {
    std::vector<std::atomic<int>> inside(static_cast<std::size_t>(threads));
    std::atomic<int> clashes{0}, wrong{0};
    Interrupt never;
    parallel_for(200, threads, never, [&](Index, int thread) {
      std::atomic<int>& mine = inside[static_cast<std::size_t>(thread)];
      if (++mine != 1) ++clashes;
      if ((thread == 0) != (std::this_thread::get_id() == caller)) ++wrong;
      if (mine > 1) nap(1);
      --mine;
    });
    CHECK(clashes == 0);
    CHECK(wrong == 0);
  }
}

TEST_CASE("more threads than tasks, and more than cores") {
  for (const int threads : {4, 64}) {
    std::atomic<int> runs{0};
    Interrupt never;
    parallel_for(3, threads, never, [&](Index, int) { ++runs; });
    CHECK(runs == 3);
  }
}

TEST_CASE("tasks really run side by side") {
  // each task waits for the other: one thread alone would never get past the first
  std::atomic<int> arrived{0};
  Interrupt never;
  parallel_for(2, 2, never, [&](Index, int) {
    ++arrived;
    for (int i = 0; i < 10'000 && arrived < 2; ++i) nap(1);
  });
  CHECK(arrived == 2);
}

TEST_CASE("an exception is rethrown by the caller, once all threads have stopped") {
  for (const int threads : kThreadCounts)
    for (const Index culprit : {0, 5, 99}) {
      CAPTURE(threads);
      CAPTURE(culprit);
      std::atomic<int> running{0}, runs{0};
      Interrupt never;
      std::string message;
      try {
        parallel_for(100, threads, never, [&](Index i, int) {
          ++running;
          ++runs;
          if (i == culprit) {
            --running;
            throw std::runtime_error("task " + std::to_string(i));
          }
          --running;
        });
      } catch (const std::runtime_error& error) {
        message = error.what();
        CHECK(omp_in_parallel() == 0);
        CHECK(running == 0);
      }
      CHECK(message == "task " + std::to_string(culprit));
      CHECK(runs >= 1);
      CHECK(runs <= 100);
      // and the next loop works as if nothing had happened
      std::atomic<int> after{0};
      Interrupt another;
      parallel_for(10, threads, another, [&](Index, int) { ++after; });
      CHECK(after == 10);
    }
}

TEST_CASE("exceptions from all threads: one arrives") {
  for (int round = 0; round < 20; ++round) {
    Interrupt never;
    CHECK_THROWS_AS(parallel_for(64, 8, never, [](Index, int) { throw std::logic_error("all"); }),
                    std::logic_error);
  }
}

TEST_CASE("after an exception no further task starts") {
  std::atomic<int> runs{0};
  Interrupt never;
  CHECK_THROWS(parallel_for(1'000'000, 4, never, [&](Index, int) {
    ++runs;
    throw 1;
  }));
  CHECK(runs <= 4);
}

TEST_CASE("an interrupt stops the loop") {
  for (const int threads : kThreadCounts) {
    CAPTURE(threads);
    std::atomic<int> runs{0};
    Interrupt interrupt([] { return true; });
    CHECK(!interrupt.stopped());
    // a million tasks of a millisecond: reaching the end would take many minutes
    parallel_for(1'000'000, threads, interrupt, [&](Index, int) {
      ++runs;
      nap(1);
    });
    CHECK(interrupt.stopped());
    CHECK(runs < 1'000'000);
  }
}

TEST_CASE("one long task of another thread can be stopped as well") {
  // The caller's thread has nothing left to do and must go on polling while the other one works.
  std::atomic<bool> started{false}, stopped_inside{false};
  Interrupt interrupt([] { return true; });
  parallel_for(2, 2, interrupt, [&](Index, int thread) {
    if (thread == 0) {
      for (int i = 0; i < 60'000 && !started; ++i) nap(1);
      return;
    }
    started = true;
    for (int i = 0; i < 60'000 && !interrupt.check(thread); ++i) nap(1);
    stopped_inside = interrupt.stopped();
  });
  CHECK(interrupt.stopped());
  CHECK(stopped_inside);
}

TEST_CASE("polling happens on the caller's thread only, and says no until it says yes") {
  const std::thread::id caller = std::this_thread::get_id();
  for (const int threads : kThreadCounts) {
    std::atomic<int> elsewhere{0};
    int polls = 0;
    Interrupt interrupt([&] {
      if (std::this_thread::get_id() != caller) ++elsewhere;
      return ++polls == 3;
    });
    parallel_for(1'000'000, threads, interrupt, [](Index, int) { nap(1); });
    CHECK(elsewhere == 0);
    CHECK(polls == 3);
    CHECK(interrupt.stopped());
    for (int thread = 0; thread < threads; ++thread) CHECK(interrupt.check(thread));
    CHECK(polls == 3);
  }
}

TEST_CASE("an exception of the poll arrives at the caller") {
  for (const int threads : kThreadCounts) {
    Interrupt interrupt([]() -> bool { throw std::runtime_error("poll"); });
    CHECK_THROWS_AS(parallel_for(1'000'000, threads, interrupt, [](Index, int) { nap(1); }),
                    std::runtime_error);
  }
}

TEST_CASE("an interrupt that came before stops everything") {
  Interrupt interrupt([] { return true; });
  while (!interrupt.check(0)) nap(5);
  for (const int threads : kThreadCounts) {
    std::atomic<int> runs{0};
    parallel_for(100, threads, interrupt, [&](Index, int) { ++runs; });
    CHECK(runs == 0);
  }
}

TEST_CASE("loops inside of loops") {
  std::atomic<int> runs{0};
  Interrupt never;
  parallel_for(4, 4, never, [&](Index, int) {
    Interrupt inner;
    parallel_for(5, 4, inner, [&](Index, int) { ++runs; });
  });
  CHECK(runs == 20);
}

TEST_CASE("loops of several callers at once") {
  std::atomic<int> runs{0};
  std::vector<std::thread> callers;
  callers.reserve(4);
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        Interrupt never;
        parallel_for(10, 3, never, [&](Index, int) { ++runs; });
      }
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(runs == 4 * 20 * 10);
}

TEST_CASE("numbers of threads") {
  CHECK(num_threads() >= 1);
  for (const int wrong : {0, -1}) {
    CHECK_THROWS_AS(set_num_threads(wrong), std::invalid_argument);
    CHECK_THROWS_AS(set_default_num_threads(wrong), std::invalid_argument);
  }
  for (const int n : {1, 3, 64}) {
    set_num_threads(n);
    CHECK(num_threads() == n);
    set_default_num_threads(1);  // what was asked for explicitly wins
    CHECK(num_threads() == n);
  }
}
