/// Memory that outlives a call, so that the next call of the same shape allocates nothing.
#pragma once

#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "mgres/types.hpp"

namespace mgres {

/// Uninitialised memory aligned for any vector register; grows, never shrinks.
template <class S>
class Buffer {
 public:
  /// Return room for at least `size` numbers; earlier contents may be lost.
  S* reserve(Index size) {
    if (size > capacity_) {
      data_.reset(allocate(size));
      capacity_ = size;
    }
    return data_.get();
  }

  Index capacity() const { return capacity_; }

 private:
  // Large pages: a tape of some MB would otherwise wear out the processor's table of pages.
  static constexpr std::align_val_t kAlignment{1 << 21};
  static constexpr Index kLarge = 4 << 20;

  struct Free {
    void operator()(S* p) const { ::operator delete(p, kAlignment); }
  };

  static S* allocate(Index size) {
    const auto bytes = static_cast<std::size_t>(size) * sizeof(S);
    void* p = ::operator new(bytes, kAlignment);
#if defined(__linux__)
    if (static_cast<Index>(bytes) >= kLarge) madvise(p, bytes, MADV_HUGEPAGE);  // only a hint
#endif
    return static_cast<S*>(p);
  }

  std::unique_ptr<S, Free> data_;
  Index capacity_ = 0;
};

/// The most that is kept for the way back, in bytes; what does not fit is computed again.
struct TapeLimits {
  Index thread = 9 << 20;     // by one thread
  Index shared = 12 << 20;    // by all threads, in the L3 cache
  Index segment = 512 << 10;  // at least: stays in the L2 cache
};

/// All scratch of one evaluation.
template <class S>
struct Workspace {
  TapeLimits limits;
  std::vector<Buffer<S>> threads;  // states, checkpoints, adjoints of the chunk a thread works on
  Buffer<S> partial_gradients;     // see OrderedSum
  std::vector<char> partials_finished;
  std::vector<double> chunk_losses;

  Index bytes() const {
    Index numbers = partial_gradients.capacity();
    for (const auto& buffer : threads) numbers += buffer.capacity();
    return numbers * static_cast<Index>(sizeof(S)) +
           static_cast<Index>(chunk_losses.capacity() * sizeof(double));
  }
};

/// Make room for `scratch` numbers for each of `threads` threads.
template <class S>
void prepare(Workspace<S>& workspace, int threads, Index scratch) {
  if (workspace.threads.size() < static_cast<std::size_t>(threads))
    workspace.threads.resize(static_cast<std::size_t>(threads));
  for (int t = 0; t < threads; ++t) workspace.threads[static_cast<std::size_t>(t)].reserve(scratch);
}

/// The room of a thread.
template <class S>
S* scratch_of(Workspace<S>& workspace, int thread) {
  return workspace.threads[static_cast<std::size_t>(thread)].reserve(0);
}

}  // namespace mgres
