#include "mgres/peak.hpp"

#include <atomic>
#include <chrono>
#include <cmath>

#include "mgres/check.hpp"
#include "mgres/parallel.hpp"
#include "mgres/simd.hpp"

namespace mgres {

namespace {

using Clock = std::chrono::steady_clock;

// Two units of latency four need eight chains that do not wait for each other; sixteen registers
// have room for twelve, beside the factor and the term.
constexpr int kChains = 12;
constexpr Index kRounds =
    20'000;  // between two looks at the clock, which are then some 30 µs apart

/// Take kRounds steps of kChains chains, and return a number that depends on all of them.
///
/// The chains have names because compilers keep those in registers, unlike the elements of an array,
/// and start apart because compilers make one chain of equal ones.
template <class S>
S run_chains(S start) {
  const Pack<S> x = broadcast(S{0.5}), y = broadcast(S{1});
  Pack<S> a = broadcast(start), b = a + y, c = b + y, d = c + y, e = d + y, f = e + y;
  Pack<S> g = f + y, h = g + y, i = h + y, j = i + y, k = j + y, l = k + y;
  for (Index round = 0; round < kRounds; ++round) {
    a = a * x + y;
    b = b * x + y;
    c = c * x + y;
    d = d * x + y;
    e = e * x + y;
    f = f * x + y;
    g = g * x + y;
    h = h * x + y;
    i = i * x + y;
    j = j * x + y;
    k = k * x + y;
    l = l * x + y;
  }
  const Pack<S> sum = ((a + b) + (c + d)) + ((e + f) + (g + h)) + ((i + j) + (k + l));
  return sum[0];
}

}  // namespace

template <class S>
double multiply_add_rate(double seconds) {
  check(seconds > 0 && seconds <= 1, "seconds: expected a number from 0 to 1, got ", seconds);
  const int threads = num_threads();
  const Clock::time_point start = Clock::now();
  // One end for all: a thread that comes late then does less, and no time is counted twice.
  const auto end = start + std::chrono::duration<double>(seconds);
  std::atomic<Index> calls{0};
  Interrupt never;
  parallel_for(threads, threads, never, [&](Index, int) {
    S state{1};
    Index own = 0;
    do {  // at least once, however late the thread comes
      state = run_chains(state);
      ++own;
    } while (Clock::now() < end);
    check(std::isfinite(state), "the chains diverged");  // compilers drop what nobody reads
    calls += own;
  });
  constexpr double flops = 2.0 * kLanes<S> * kChains * kRounds;
  const std::chrono::duration<double> taken = Clock::now() - start;
  return flops * static_cast<double>(calls.load()) / taken.count();
}

template double multiply_add_rate<float>(double);
template double multiply_add_rate<double>(double);

}  // namespace mgres
