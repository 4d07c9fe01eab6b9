/// The layers of a network on the states of one chunk of samples, there and back, with scratch of
/// one thread.
#pragma once

#include "mgres/arena.hpp"
#include "mgres/plan.hpp"

namespace mgres {

/// Two states in turn on a way without return.  On a way with return the inputs and records of the
/// last layers stay on a tape; the layers before them leave a checkpoint every few layers, from
/// which they are computed again.
template <class S>
class Stack {
 public:
  Stack(const Network<S>& net, const Plan<S>& plan, const TapeLimits& limits, int threads,
        const S* theta)
      : net_(net),
        plan_(plan),
        tape_(net, plan, limits, threads),
        layers_(theta != nullptr ? theta + net.layout.layers : nullptr) {}

  /// Take the scratch of a way without return, or with it.
  void lay_out(Arena<S>& arena, bool with_return);

  /// The chunk from sample number `first` on, `blocks` blocks, of `batch`.
  void bind(const Batch<S>& batch, Index first, Index blocks);

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
  S* state(Index slot) const { return states_ + slot * plan_.state; }
  S* record(Index slot) const { return records_ + slot * plan_.record; }
  S* checkpoint(Index c) const { return checkpoints_ + c * plan_.state; }
  const S* parameters(Index k) const { return layers_ + k * net_.layout.layer; }

  /// Layers that are passed before the tape begins.
  Index before(bool with_return) const {
    return with_return ? net_.depth - tape_.layers : net_.depth;
  }

  void prefetch(Index k, const S* gradient) const;
  bool tape(Index first, Index layers, Interrupt& interrupt, int thread);
  bool untape(Index first, Index layers, S* gradient, Interrupt& interrupt, int thread);

  const Network<S>& net_;
  const Plan<S>& plan_;
  const Tape<S> tape_;
  const S* layers_;

  const S* defect_ = nullptr;
  Index first_ = 0, blocks_ = 0;
  S *states_ = nullptr, *adjoint_ = nullptr, *checkpoints_ = nullptr, *records_ = nullptr;
  S *scratch_ = nullptr, *last_ = nullptr;
};

}  // namespace mgres
