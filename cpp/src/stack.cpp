#include "mgres/stack.hpp"

#include <algorithm>

#include "mgres/defect.hpp"

namespace mgres {

namespace {

constexpr Index kPollLayers = 16;            // between two looks at the clock
constexpr Index kLargestPrefetch = 1 << 12;  // numbers; larger layers stream by themselves

bool stop(Index k, Interrupt& interrupt, int thread) {
  return k % kPollLayers == 0 && interrupt.check(thread);
}

}  // namespace

template <class S>
void Stack<S>::lay_out(Arena<S>& arena, bool with_return) {
  const Integrator<S>& integrator = *layers_->integrator;
  if (!with_return) {
    states_ = arena.take(2 * state_);
    scratch_ = arena.take(integrator.forward_scratch(plan_->blocks));
    return;
  }
  states_ = arena.take((tape_.layers + 1) * state_);
  adjoint_ = arena.take(state_);
  checkpoints_ = arena.take(tape_.checkpoints * state_);
  records_ = arena.take(tape_.layers * record_);
  scratch_ = arena.take(
      std::max(integrator.forward_scratch(plan_->blocks), integrator.scratch(plan_->blocks)));
}

template <class S>
void Stack<S>::bind(const S* defect, Index first, Index blocks) {
  defect_ = defect;
  first_ = first;
  blocks_ = blocks;
}

template <class S>
void Stack<S>::step(Index k, const S* y, S* out, S* record) const {
  layers_->integrator->forward(parameters(k), blocks_, y, out, record, scratch_);
  if (defect_ != nullptr) add_defect(width(), plan_->samples, defect_, k, first_, blocks_, out);
}

/// Fetch what layer k needs and what is not on the tape, while its predecessor computes.
template <class S>
void Stack<S>::prefetch(Index k, const S* gradient) const {
  const Index size = layers_->size;
  if (k < 0 || k >= depth() || size > kLargestPrefetch) return;
  constexpr Index line = 64 / static_cast<Index>(sizeof(S));
  for (Index i = 0; i < size; i += line) {
    __builtin_prefetch(parameters(k) + i);
    if (gradient != nullptr) __builtin_prefetch(gradient + k * size + i, 1);
  }
}

template <class S>
bool Stack<S>::advance(Index first, Index end, Interrupt& interrupt, int thread) {
  for (Index k = first; k < end; ++k) {
    if (stop(k, interrupt, thread)) return false;
    prefetch(k + 1, nullptr);
    S* next = last_ == state(0) ? state(1) : state(0);
    step(k, last_, next, nullptr);
    last_ = next;
  }
  return true;
}

template <class S>
bool Stack<S>::forward(bool with_return, Interrupt& interrupt, int thread) {
  const Index layers = before(with_return);
  if (!with_return) return advance(0, layers, interrupt, thread);
  for (Index k = 0; k < layers; k += tape_.segment) {
    std::copy_n(last_, state_, checkpoint(k / tape_.segment));
    if (!advance(k, std::min(k + tape_.segment, layers), interrupt, thread)) return false;
  }
  return record(layers, tape_.layers, interrupt, thread);
}

template <class S>
bool Stack<S>::backward(S* gradient, Interrupt& interrupt, int thread) {
  Index end = before(true);
  if (!unwind(end, tape_.layers, gradient, interrupt, thread)) return false;
  for (Index c = tape_.checkpoints - 1; c >= 0; --c) {
    const Index first = c * tape_.segment;
    std::copy_n(checkpoint(c), state_, state(0));
    if (!record(first, end - first, interrupt, thread)) return false;
    if (!unwind(first, end - first, gradient, interrupt, thread)) return false;
    end = first;
  }
  return true;
}

/// Layers first ... first + layers - 1 from the state in slot 0, all kept on the tape.
template <class S>
bool Stack<S>::record(Index first, Index layers, Interrupt& interrupt, int thread) {
  for (Index k = 0; k < layers; ++k) {
    if (stop(k, interrupt, thread)) return false;
    prefetch(first + k + 1, nullptr);
    step(first + k, state(k), state(k + 1), record(k));
  }
  last_ = state(layers);
  return true;
}

/// The same layers backwards.
template <class S>
bool Stack<S>::unwind(Index first, Index layers, S* gradient, Interrupt& interrupt, int thread) {
  for (Index k = layers - 1; k >= 0; --k) {
    if (stop(k, interrupt, thread)) return false;
    prefetch(first + k - 1, gradient);
    S* of_layer = gradient != nullptr ? gradient + (first + k) * layers_->size : nullptr;
    layers_->integrator->adjoint(parameters(first + k), blocks_, state(k), record(k), adjoint_,
                                 of_layer, scratch_);
  }
  return true;
}

template class Stack<float>;
template class Stack<double>;

}  // namespace mgres
