/// A stack of layers on the states of one chunk of samples, there and back, with scratch of one thread.
#pragma once

#include <array>

#include "mgres/arena.hpp"
#include "mgres/plan.hpp"

namespace mgres {

/// Two states in turn on a way without return.  On a way with return the inputs and records of the
/// last layers stay on a tape; the layers before them leave a checkpoint every few layers, from
/// which they are computed again.
template <class S>
class Stack {
 public:
  Stack() = default;

  /// The tape takes its bytes from the thread's `share`.
  Stack(const Layers<S>& layers, const Plan<S>& plan, const TapeLimits& limits, Index& share,
        const S* theta)
      : layers_(&layers),
        plan_(&plan),
        state_(plan.state(layers.width)),
        record_(layers.integrator->record_size(plan.blocks)),
        tape_(layers.depth, (state_ + record_) * static_cast<Index>(sizeof(S)), limits.segment,
              share),
        parameters_(theta != nullptr ? theta + layers.start : nullptr) {}

  Index depth() const { return layers_->depth; }
  Index width() const { return layers_->width; }
  const Tape& tape() const { return tape_; }

  /// Take the scratch of a way without return, or with it.
  void lay_out(Arena<S>& arena, bool with_return);

  /// The chunk from sample number `first` on, `blocks` blocks; `defect` is that of layer 0 or null.
  void bind(const S* defect, Index first, Index blocks);

  /// Where y_0 is expected before `forward`, and the state behind the layers done so far.
  S* entry(bool with_return) { return last_ = state(before(with_return) % 2); }
  const S* last() const { return last_; }

  /// All layers.  Returns false if interrupted, as the next two do.
  bool forward(bool with_return, Interrupt& interrupt, int thread);

  /// Layers first ... end - 1 only, from `last`, without return.
  bool advance(Index first, Index end, Interrupt& interrupt, int thread);

  /// From dL/dy_K in `adjoint` to dL/dy_0, adding to the layers' `gradient` unless it is null.
  bool backward(S* gradient, Interrupt& interrupt, int thread);
  S* adjoint() const { return adjoint_; }

  /// y_{k+1} from y_k, with the state's defect if there is one.
  void step(Index k, const S* y, S* out, S* record) const;

 private:
  S* state(Index slot) const { return states_ + slot * state_; }
  S* record(Index slot) const { return records_ + slot * record_; }
  S* checkpoint(Index c) const { return checkpoints_ + c * state_; }
  const S* parameters(Index k) const { return parameters_ + k * layers_->size; }

  /// Layers that are passed before the tape begins.
  Index before(bool with_return) const { return with_return ? depth() - tape_.layers : depth(); }

  void prefetch(Index k, const S* gradient) const;
  bool record(Index first, Index layers, Interrupt& interrupt, int thread);
  bool unwind(Index first, Index layers, S* gradient, Interrupt& interrupt, int thread);

  const Layers<S>* layers_ = nullptr;
  const Plan<S>* plan_ = nullptr;
  Index state_ = 0, record_ = 0;  // numbers of a state, and of what a layer keeps beside its input
  Tape tape_;
  const S* parameters_ = nullptr;

  const S* defect_ = nullptr;
  Index first_ = 0, blocks_ = 0;
  S *states_ = nullptr, *adjoint_ = nullptr, *checkpoints_ = nullptr, *records_ = nullptr;
  S *scratch_ = nullptr, *last_ = nullptr;
};

/// The stacks of a network, in a place of fixed size, so that a thread can have its own without
/// asking for memory.
template <class S>
class Stacks {
 public:
  Stacks(const Network<S>& net, const Plan<S>& plan, const TapeLimits& limits, int threads,
         const S* theta)
      : size_(static_cast<Index>(net.stacks.size())) {
    Index share = tape_share(limits, threads);
    for (Index i = size_ - 1; i >= 0; --i)  // the last one comes back first
      (*this)[i] = Stack<S>(net.stacks[static_cast<std::size_t>(i)], plan, limits, share, theta);
  }

  Index size() const { return size_; }
  Stack<S>& operator[](Index i) { return stacks_[static_cast<std::size_t>(i)]; }
  const Stack<S>& operator[](Index i) const { return stacks_[static_cast<std::size_t>(i)]; }
  Stack<S>& back() { return (*this)[size_ - 1]; }

  void lay_out(Arena<S>& arena, bool with_return) {
    for (Index i = 0; i < size_; ++i) (*this)[i].lay_out(arena, with_return);
  }

 private:
  Index size_;
  std::array<Stack<S>, kMostStacks> stacks_;
};

}  // namespace mgres
