/// The state defect of the full approximation scheme (Brandt 1977), for networks in depth.
///
/// A coarse network is told, for every sample and layer, by how much its step misses the fine
/// network's state,
///
///   tau_k = y_f(t_{k+1}) - step_k(y_f(t_k); theta_c),     y_{k+1} = step_k(y_k; theta) + tau_k,
///
/// so that with the parameters theta_c its states, and so its loss, are those of the fine network.
/// tau is a constant: the adjoint of the network does not see it.
#pragma once

#include <algorithm>

#include "mgres/resnet.hpp"
#include "mgres/simd.hpp"

namespace mgres {

/// Numbers of tau for one layer: whole blocks of samples (see kernel.hpp), one after the other.
template <class S>
Index defect_layer(Index width, Index samples) {
  return round_up(samples, kLanes<S>) * width;
}

/// Numbers of tau for the stacks before number `stack`, for all of them by default.
template <class S>
Index defect_size(const Network<S>& net, Index samples, Index stack = kMostStacks) {
  Index sum = 0;
  for (Index i = 0; i < std::min<Index>(stack, static_cast<Index>(net.stacks.size())); ++i) {
    const Layers<S>& layers = net.stacks[static_cast<std::size_t>(i)];
    sum += layers.depth * defect_layer<S>(layers.width, samples);
  }
  return sum;
}

/// state += tau_k for the `blocks` blocks from sample number `first` on.
template <class S>
void add_defect(Index width, Index samples, const S* defect, Index k, Index first, Index blocks,
                S* state) {
  constexpr Index L = kLanes<S>;
  const S* tau = defect + k * defect_layer<S>(width, samples) + first * width;
  for (Index i = 0; i < blocks * width * L; i += L)
    store(state + i, load(state + i) + load(tau + i));
}

/// Write the defect of `coarse` at `coarse_theta` with respect to `fine` at `fine_theta` to `tau`,
/// (depth, defect_layer) for one stack after the other.  The fine depths are multiples of the coarse
/// ones, all sizes else are equal.  The fine network may have a defect of its own, in `batch`.
template <class S>
void state_defect(const Network<S>& fine, const S* fine_theta, const Batch<S>& batch,
                  const Network<S>& coarse, const S* coarse_theta, S* tau, Workspace<S>& workspace,
                  Interrupt& interrupt, int threads = num_threads());

}  // namespace mgres
