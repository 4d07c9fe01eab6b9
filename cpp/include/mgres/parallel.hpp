/// Threads: how many, and a loop over tasks that may throw and be interrupted.
#pragma once

#include <atomic>
#include <functional>

#include "mgres/types.hpp"

namespace mgres {

/// Threads used by parallel loops.  Results never depend on it.
int num_threads();

/// Use exactly n threads, n >= 1; more than there are cores is allowed.
void set_num_threads(int n);

/// Use at most n threads, and fewer if OpenMP is told so (OMP_NUM_THREADS, threadpoolctl).
void set_default_num_threads(int n);

/// `n` threads, or one in a child that was forked.
int limited(int n);

/// Run serially from now on: libgomp's threads do not survive a fork, and waiting for them hangs.
void after_fork_in_child();

/// Lets the caller's thread ask, during a long loop, whether the work should stop.
///
/// `poll` is called from the thread that started the loop only, about every 50 ms; once it has
/// returned true, or a task has thrown, `stopped()` is true for all threads, and stays so: an
/// interrupt belongs to one call.
class Interrupt {
 public:
  explicit Interrupt(std::function<bool()> poll = {});

  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }
  void stop() { stopped_.store(true, std::memory_order_relaxed); }

  /// Call now and then from tasks; `thread` is the task's thread number.
  bool check(int thread);

 private:
  std::function<bool()> poll_;
  std::atomic<bool> stopped_{false};
  long long last_poll_ns_;
};

/// A callable void(Index task, int thread), by reference: unlike std::function it never allocates.
class TaskRef {
 public:
  template <class F>
  TaskRef(const F& f)  // NOLINT(google-explicit-constructor): stands for f in the call
      : object_(&f), call_([](const void* object, Index task, int thread) {
          (*static_cast<const F*>(object))(task, thread);
        }) {}

  void operator()(Index task, int thread) const { call_(object_, task, thread); }

 private:
  const void* object_;
  void (*call_)(const void*, Index, int);
};

/// Call task(i, thread) for i in [0, tasks), in any order, on up to `threads` threads, numbered from
/// 0, the caller's.  The first exception is rethrown when all threads have stopped.
void parallel_for(Index tasks, int threads, Interrupt& interrupt, TaskRef task);

}  // namespace mgres
