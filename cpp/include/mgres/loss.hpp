/// What is minimised: the loss of the logits z of one sample against its target.
#pragma once

#include <cstdint>

#include "mgres/types.hpp"

namespace mgres {

///   cross_entropy   sum_c p_c (log sum_k e^{z_k} - z_c)    for a probability vector p, or a label
///   squared_error   1/2 sum_c (z_c - t_c)^2                for a target vector t, or a label
///
/// A label c stands for the c-th unit vector.
enum class Loss { cross_entropy, squared_error };

/// Targets of a batch: labels (n,) or vectors (n, m), row-major; the other pointer is null.
///
/// Weighted vectors have one more column (n, m + 1), the factor of each sample's loss, so that a
/// sample keeps its weight wherever its target goes.
template <class S>
struct Targets {
  const std::int64_t* labels = nullptr;
  const S* vectors = nullptr;
  bool weighted = false;

  Index row(Index outputs) const { return weighted ? outputs + 1 : outputs; }
};

/// For one block of kLanes samples: the loss of every sample to `losses` (kLanes), and dloss/dz *
/// `weight` to `z`, which holds the logits (m, kLanes).  Of the block only the first `count` samples
/// exist; the others get loss and derivative zero.  `scratch` has room for (m, kLanes).
template <class S>
void block_loss(Loss loss, const Targets<S>& targets, Index first_sample, Index count,
                Index outputs, S weight, S* z, S* losses, S* scratch);

/// For one block of kLanes samples: the product of the Hessian of the loss by the logits with `z_dot`
/// (m, kLanes), * `weight`, to `z_dot`; zero for samples that do not exist.
///
///   cross_entropy   (sum_c p_c) (diag(q) - q q^T)  with the softmax q of the logits `z`
///   squared_error   the identity
///
/// Arguments as above; `z` only is read.
template <class S>
void block_loss_curvature(Loss loss, const Targets<S>& targets, Index first_sample, Index count,
                          Index outputs, S weight, const S* z, S* z_dot, S* scratch);

}  // namespace mgres
