/// The network on a batch: logits, mean loss, and its exact discrete adjoint.
#pragma once

#include <vector>

#include "mgres/loss.hpp"
#include "mgres/network.hpp"
#include "mgres/parallel.hpp"
#include "mgres/workspace.hpp"

namespace mgres {

/// All functions here use up to `threads` threads, and their results do not depend on it.

/// Inputs (n, q), row-major, and what is added to their states (see defect.hpp), null for nothing.
template <class S>
struct Batch {
  const S* inputs;
  Index size;
  const S* defect = nullptr;
};

/// Which parameters a gradient is wanted for; the entries of all others are exactly zero.
struct Trainable {
  bool opening = true;
  bool blocks = true;
  bool connections = true;
  bool closing = true;
};

/// Write the logits (n, m), row-major, of a batch.
template <class S>
void logits(const Network<S>& net, const S* theta, const Batch<S>& batch, S* out,
            Workspace<S>& workspace, Interrupt& interrupt, int threads = num_threads());

/// Write the states y_k (n, v) of stack number `stack`, row-major, for each k of `chosen`, which ascends,
/// one after the other.
template <class S>
void states(const Network<S>& net, const S* theta, const Batch<S>& batch, Index stack,
            const std::vector<Index>& chosen, S* out, Workspace<S>& workspace, Interrupt& interrupt,
            int threads = num_threads());

/// Return the mean loss of a batch.
template <class S>
double value(const Network<S>& net, Loss loss, const S* theta, const Batch<S>& batch,
             const Targets<S>& targets, Workspace<S>& workspace, Interrupt& interrupt,
             int threads = num_threads());

/// Write the gradient of the mean loss to `gradient` and return the mean loss.
///
/// Bitwise the same for any number of threads: samples are cut into chunks, and chunks into groups
/// with one partial gradient each, by rules that know the batch and the network only; partial sums
/// are added in a fixed order.
template <class S>
double value_and_grad(const Network<S>& net, Loss loss, const Trainable& trainable, const S* theta,
                      const Batch<S>& batch, const Targets<S>& targets, S* gradient,
                      Workspace<S>& workspace, Interrupt& interrupt, int threads = num_threads());

/// The transposed derivative of the logits times `dlogits` (n, m): by the parameters to `gradient`,
/// and by the inputs to `dX` (n, q) unless it is null.  Threads as in value_and_grad.
template <class S>
void vjp(const Network<S>& net, const Trainable& trainable, const S* theta, const Batch<S>& batch,
         const S* dlogits, S* gradient, S* dX, Workspace<S>& workspace, Interrupt& interrupt,
         int threads = num_threads());

/// Scratch memory that value_and_grad needs, in bytes.
template <class S>
Index gradient_bytes(const Network<S>& net, Index samples, int threads = num_threads());

/// Checkpoints of a gradient's way back, and layers on its tape; see Tape.
struct TapeShape {
  Index layers;
  Index checkpoints;
};
template <class S>
TapeShape tape_shape(const Network<S>& net, Index samples, const TapeLimits& limits,
                     int threads = num_threads());

}  // namespace mgres
