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

#include "mgres/resnet.hpp"
#include "mgres/simd.hpp"

namespace mgres {

/// Numbers of tau for one layer: whole blocks of samples (see kernel.hpp), one after the other.
template <class S>
Index defect_layer(const ResNet& net, Index samples) {
  return round_up(samples, kLanes<S>) * net.width;
}

/// state += tau_k for the `blocks` blocks from sample number `first` on.
template <class S>
void add_defect(const ResNet& net, Index samples, const S* defect, Index k, Index first,
                Index blocks, S* state) {
  constexpr Index L = kLanes<S>;
  const S* tau = defect + k * defect_layer<S>(net, samples) + first * net.width;
  for (Index i = 0; i < blocks * net.width * L; i += L)
    store(state + i, load(state + i) + load(tau + i));
}

/// Write the defect of `coarse` at `coarse_theta` with respect to `fine` at `fine_theta` to `tau`,
/// (coarse.depth, defect_layer).  The fine depth is a multiple of the coarse one, all sizes else
/// are equal.  The fine network may have a defect of its own, in `batch`.
template <class S>
void state_defect(const Network<S>& fine, const S* fine_theta, const Batch<S>& batch,
                  const Network<S>& coarse, const S* coarse_theta, S* tau, Workspace<S>& workspace,
                  Interrupt& interrupt, int threads = num_threads());

}  // namespace mgres
