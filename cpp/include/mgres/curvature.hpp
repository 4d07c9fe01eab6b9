/// Products of the second derivatives of the mean loss with a vector, without the matrix.
#pragma once

#include "mgres/resnet.hpp"

namespace mgres {

/// Which second derivatives.
///
///   hessian        all of them
///   gauss_newton   J^T H J, with the derivative J of the logits and the Hessian H of the loss: what
///                  is left where the logits are linear in the parameters; positive semi-definite
enum class Curvature { hessian, gauss_newton };

/// Write the product of a matrix of second derivatives with `v` to `out`.
///
/// Only trainable parameters vary: the other entries of `v` count as zero, those of `out` are zero.
/// The Hessian product is the derivative of the gradient along v (R-operator of Pearlmutter 1994),
/// and so costs 8 products with W a layer where the gradient costs 3; Gauss-Newton costs 5.
///
/// The states of a chunk are kept for all layers, as this is meant for coarse networks: per thread,
/// with dense blocks, 4 (Gauss-Newton 2) K v numbers for each stage and sample of a chunk.  Like the
/// gradient, bitwise the same for any number of threads.
template <class S>
void curvature_product(Curvature kind, const Network<S>& net, Loss loss, const Trainable& trainable,
                       const S* theta, const Batch<S>& batch, const Targets<S>& targets, const S* v,
                       S* out, Workspace<S>& workspace, Interrupt& interrupt,
                       int threads = num_threads());

}  // namespace mgres
