/// A sum of vectors that threads finish in any order but that is always added in the same.
#pragma once

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "mgres/parallel.hpp"
#include "mgres/types.hpp"
#include "mgres/vector.hpp"
#include "mgres/workspace.hpp"

namespace mgres {

/// total = term 0 + term 1 + ..., from left to right, and so the same bits for any number of threads.
///
/// Term 0 is computed in place.  All others are computed in a ring of buffers, a few more than there
/// are threads, so that one late thread does not stop the others at once.  A term that was begun must
/// be ended, unless the interrupt has stopped all threads, as it does when a task throws.
template <class S>
class OrderedSum {
 public:
  /// Numbers of memory that the sum needs beside `total`.
  static Index buffer_size(Index size, Index terms, int threads) {
    return ring(terms, threads) * size;
  }

  OrderedSum(Index size, Index terms, int threads, S* total, Buffer<S>& memory,
             std::vector<char>& finished)
      : size_(size), ring_(ring(terms, threads)), total_(total), finished_(finished) {
    memory_ = memory.reserve(buffer_size(size, terms, threads));
    finished_.assign(static_cast<std::size_t>(ring_) + 1, false);
  }

  /// Return where to compute a term, set to zero; null if interrupted while waiting for a buffer.
  S* begin(Index term, Interrupt& interrupt, int thread) {
    // The terms from the next one to be added on, as many as there are buffers, have one each.  So
    // the next term always finds its own, whoever computes it and however late.
    while (term >= std::max<Index>(next_.load(), 1) + ring_) {
      if (interrupt.check(thread)) return nullptr;
      std::this_thread::yield();
    }
    S* place = buffer(term);
    as_array(place, size_).setZero();
    return place;
  }

  /// The term is complete: add it, or leave that to the thread that completes the term before it.
  void end(Index term) {
    const std::lock_guard<std::mutex> lock(mutex_);
    finished(term) = true;
    for (Index next = next_.load(); finished(next); next_.store(++next)) {
      finished(next) = false;
      if (next > 0) as_array(total_, size_) += as_array<S>(buffer(next), size_);
    }
  }

 private:
  static Index ring(Index terms, int threads) {
    return std::min<Index>(terms - 1, threads == 1 ? 1 : threads + 1);
  }

  S* buffer(Index term) const { return term == 0 ? total_ : memory_ + (term - 1) % ring_ * size_; }

  char& finished(Index term) { return finished_[static_cast<std::size_t>(term % (ring_ + 1))]; }

  Index size_;
  Index ring_;
  S* total_;
  S* memory_;
  std::vector<char>& finished_;
  std::atomic<Index> next_{0};  // the term to be added next
  std::mutex mutex_;
};

}  // namespace mgres
