/// Pieces of one memory, one after the other.
#pragma once

#include "mgres/types.hpp"

namespace mgres {

/// Hands out pieces that begin where a vector may.  Without memory it only counts, so that the size
/// of the memory comes from the code that later divides it.
template <class S>
class Arena {
 public:
  explicit Arena(S* memory = nullptr) : memory_(memory) {}

  S* take(Index size) {
    S* taken = memory_ != nullptr ? memory_ + used_ : nullptr;
    used_ += room(size);
    return taken;
  }

  Index used() const { return used_; }

  static Index room(Index size) { return round_up(size, 64 / static_cast<Index>(sizeof(S))); }

 private:
  S* memory_;
  Index used_ = 0;
};

}  // namespace mgres
