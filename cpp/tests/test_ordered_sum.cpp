// Sums of terms that are finished in any order.
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/ordered_sum.hpp"
#include "reference.hpp"

using namespace mgres;

namespace {

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

/// Numbers of very different size: any other order of additions gives other last bits.
template <class S>
S entry(Index term, Index i) {
  reference::Random random(static_cast<std::uint64_t>(1000 * term + i));
  return static_cast<S>(random.uniform() * std::exp2(random.uniform(0, 20)));
}

template <class S>
void check_sum(Index size, Index terms, int threads) {
  CAPTURE(size);
  CAPTURE(terms);
  CAPTURE(threads);
  std::vector<S> expected(u(size), S(0)), total(u(size), S(77));
  for (Index t = 0; t < terms; ++t)
    for (Index i = 0; i < size; ++i) expected[u(i)] += entry<S>(t, i);

  Buffer<S> memory;
  std::vector<char> finished;
  OrderedSum<S> sum(size, terms, threads, total.data(), memory, finished);
  CHECK(memory.capacity() == OrderedSum<S>::buffer_size(size, terms, threads));
  Interrupt never;
  parallel_for(terms, threads, never, [&](Index t, int thread) {
    // some are late before they begin, some while they hold a buffer
    const auto nap = [&] { std::this_thread::sleep_for(std::chrono::microseconds(50)); };
    if (t % 3 == 1) nap();
    S* place = sum.begin(t, never, thread);
    if (t % 4 == 0) nap();
    for (Index i = 0; i < size; ++i) place[i] += entry<S>(t, i);
    sum.end(t);
  });
  CHECK(total == expected);
}

}  // namespace

TEST_CASE_TEMPLATE("the same bits as from left to right", S, float, double) {
  for (const int threads : {1, 2, 3, 8})
    for (const Index terms : {1, 2, 3, 7, 40}) {
      check_sum<S>(1, terms, threads);
      check_sum<S>(33, terms, threads);
    }
}

TEST_CASE("a term that throws does not leave the others waiting for it") {
  for (const int threads : {1, 2, 4}) {
    std::vector<float> total(4);
    Buffer<float> memory;
    std::vector<char> finished;
    OrderedSum<float> sum(4, 32, threads, total.data(), memory, finished);
    Interrupt never;
    CHECK_THROWS_AS(parallel_for(32, threads, never,
                                 [&](Index t, int thread) {
                                   if (sum.begin(t, never, thread) == nullptr) return;
                                   if (t == 1) {
                                     std::this_thread::sleep_for(std::chrono::milliseconds(20));
                                     throw std::runtime_error("task 1");
                                   }
                                   sum.end(t);
                                 }),
                    std::runtime_error);
  }
}

TEST_CASE("a thread that waits for a buffer can be interrupted") {
  std::vector<float> total(4);
  Buffer<float> memory;
  std::vector<char> finished;
  OrderedSum<float> sum(4, 10, 1, total.data(), memory, finished);
  Interrupt interrupt;
  CHECK(sum.begin(1, interrupt, 0) != nullptr);
  interrupt.stop();
  CHECK(sum.begin(2, interrupt, 0) == nullptr);  // term 0 never came
}
