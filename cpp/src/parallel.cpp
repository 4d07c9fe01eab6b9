#include "mgres/parallel.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>

#include <omp.h>

#include "mgres/check.hpp"

namespace mgres {

namespace {

std::atomic<int> exact_threads{0};    // 0: not set
std::atomic<int> default_threads{0};  // 0: not set
std::atomic<bool> forked{false};

constexpr long long kPollInterval = 50'000'000;  // ns: well below what a person notices
constexpr long long kSpinTime = 2'000'000;       // ns of busy waiting before sleeping

long long now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// The first exception of a team of threads.
class FirstException {
 public:
  void capture() noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!exception_) exception_ = std::current_exception();
    caught_.store(true);
  }
  bool caught() const { return caught_.load(std::memory_order_relaxed); }
  void rethrow() const {
    if (exception_) std::rethrow_exception(exception_);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr exception_;
  std::atomic<bool> caught_{false};
};

}  // namespace

int num_threads() {
  if (forked.load()) return 1;
  if (const int n = exact_threads.load()) return n;
  const int available = omp_get_max_threads();
  const int n = default_threads.load();
  return n > 0 ? std::min(n, available) : available;
}

void set_num_threads(int n) {
  check(n >= 1, "n: expected at least 1 thread, got ", n);
  exact_threads.store(n);
}

void set_default_num_threads(int n) {
  check(n >= 1, "n: expected at least 1 thread, got ", n);
  default_threads.store(n);
}

int limited(int n) { return forked.load() ? 1 : n; }

void after_fork_in_child() { forked.store(true); }

Interrupt::Interrupt(std::function<bool()> poll)
    : poll_(std::move(poll)), last_poll_ns_(now_ns()) {}

bool Interrupt::check(int thread) {
  if (thread == 0 && poll_ && !stopped()) {
    const long long now = now_ns();
    if (now - last_poll_ns_ > kPollInterval) {
      try {
        if (poll_()) stop();
      } catch (...) {
        stop();  // other threads may wait for the term of a sum that this one gives up
        throw;
      }
      last_poll_ns_ = now_ns();
    }
  }
  return stopped();
}

void parallel_for(Index tasks, int threads, Interrupt& interrupt, TaskRef task) {
  if (threads <= 1 || tasks <= 1) {
    for (Index i = 0; i < tasks && !interrupt.check(0); ++i) task(i, 0);
    return;
  }
  FirstException failure;
  std::atomic<Index> next{0}, left{tasks};
#pragma omp parallel num_threads(static_cast<int>(std::min<Index>(threads, tasks)))
  {
    const int thread = omp_get_thread_num();
    for (Index i; (i = next.fetch_add(1)) < tasks; left.fetch_sub(1)) {
      if (failure.caught() || interrupt.stopped()) continue;
      try {
        interrupt.check(thread);
        task(i, thread);
      } catch (...) {
        failure.capture();
        interrupt.stop();  // others may wait for the term of a sum that this task gives up
      }
    }
    // Only the caller's thread can see Ctrl-C: it must not fall asleep in OpenMP's barrier while
    // others still work.
    if (thread == 0)
      for (const long long start = now_ns(); left.load() > 0;) {
        try {
          interrupt.check(0);
        } catch (...) {
          failure.capture();
        }
        if (now_ns() - start > kSpinTime)
          std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
  }
  failure.rethrow();
}

}  // namespace mgres
