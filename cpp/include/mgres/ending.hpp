/// How a layer ends that has W y + b in vectors: with sigma, its slopes, and the updates of a state.
#pragma once

#include "mgres/activation.hpp"
#include "mgres/block.hpp"

namespace mgres::detail {

/// to = from + h sigma(z) for `count` vectors from number `first` of a chunk: a step of Euler.
template <class S, Activation activation>
void end_with_step(S h, const Pack<S>* z, Index count, const S* from, S* to, S* slopes,
                   Index first) {
  constexpr int L = kLanes<S>;
  for (Index i = 0; i < count; ++i) {
    const Index at = (first + i) * L;
    const Pack<S> value = activate_and_keep<S, activation>(h, z[i], slopes, first + i);
    store(to + at, load(from + at) + h * value);
  }
}

/// All updates with these vectors.
template <class S, Activation activation>
void end_with_updates(S h, const Pack<S>* z, Index count, Updates<S> updates, S* slopes,
                      Index first) {
  constexpr int L = kLanes<S>;
  for (Index i = 0; i < count; ++i) {
    const Index at = (first + i) * L;
    const Pack<S> value = h * activate_and_keep<S, activation>(h, z[i], slopes, first + i);
    for (const Update<S>& u : updates)
      store(u.to + at, u.from != nullptr ? load(u.from + at) + u.weight * value : u.weight * value);
  }
}

/// One of the two; the other is null.
template <class S>
struct Ending {
  void (*step)(S, const Pack<S>*, Index, const S*, S*, S*, Index);
  void (*updates)(S, const Pack<S>*, Index, Updates<S>, S*, Index);
  Updates<S> all;
};

template <class S>
Ending<S> make_ending(Activation activation, Updates<S> updates) {
  return with_activation(activation, [&](auto a) {
    return is_plain_step(updates) ? Ending<S>{end_with_step<S, a>, nullptr, updates}
                                  : Ending<S>{nullptr, end_with_updates<S, a>, updates};
  });
}

}  // namespace mgres::detail
