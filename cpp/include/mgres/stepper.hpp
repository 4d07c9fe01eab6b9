/// One layer forward and back on a chunk of samples, whatever the time discretisation.
///
/// Every scheme is made of Euler steps E(x) = x + h sigma(W x + b), the kernel's, and of linear
/// combinations: h F(x) = E(x) - x.  The kernel's adjoint takes g to g + h W^T (sigma' g), and so
/// h (dF/dx)^T g is what it has added.
#pragma once

#include "mgres/effective.hpp"
#include "mgres/kernel.hpp"
#include "mgres/layout.hpp"
#include "mgres/simd.hpp"

namespace mgres {

template <class S>
class Stepper {
 public:
  /// For chunks of at most `blocks` blocks.  `layers` are the effective layers.
  Stepper(const ResNet& net, const S* layers, Index blocks);

  /// Numbers that a layer keeps for the way back beside its input: slopes and inputs of all stages.
  static Index record_size(const ResNet& net, Index blocks);

  /// Numbers of scratch that a step needs, and that it needs on the way back.
  Index forward_scratch() const { return scratch_states_ * state_; }
  Index backward_scratch() const;

  /// What layer k multiplies with.
  const S* parameters(Index k) const { return layers_ + k * stride_; }
  Index parameters_size() const { return stride_; }

  /// y_{k+1} from y_k, for the first `blocks` blocks.  Unless it is null, `record` receives what
  /// `backward` needs.
  void forward(Index k, Index blocks, const S* y, S* out, S* record, S* scratch) const {
    if (net_.scheme == Scheme::euler)
      kernel_.forward(layer(parameters(k), blocks), y, out, record);
    else if (net_.scheme == Scheme::verlet)
      verlet_forward(k, blocks, y, out, record, scratch);
    else
      stages_forward(k, blocks, y, out, record, scratch);
  }

  /// From dL/dy_{k+1} in `adjoint` to dL/dy_k.  Adds the derivative by the layer's effective
  /// parameters (for verlet: by W and b) to `gradient` unless it is null.
  void backward(Index k, Index blocks, const S* y, const S* record, S* adjoint, S* gradient,
                S* scratch) const {
    if (net_.scheme == Scheme::euler)
      kernel_.backward(layer(parameters(k), blocks), y, record, adjoint, gradient, scratch);
    else if (net_.scheme == Scheme::verlet)
      verlet_backward(k, blocks, record, adjoint, gradient, scratch);
    else
      stages_backward(k, blocks, y, record, adjoint, gradient, scratch);
  }

 private:
  Layer<S> layer(const S* parameters, Index blocks) const {
    return {parameters, layer_width_, blocks, static_cast<S>(net_.step()), net_.activation};
  }

  void stages_forward(Index k, Index blocks, const S* y, S* out, S* record, S* scratch) const;
  void stages_backward(Index k, Index blocks, const S* y, const S* record, S* adjoint, S* gradient,
                       S* scratch) const;
  void verlet_forward(Index k, Index blocks, const S* y, S* out, S* record, S* scratch) const;
  void verlet_backward(Index k, Index blocks, const S* record, S* adjoint, S* gradient,
                       S* scratch) const;

  ResNet net_;
  Tableau tableau_;
  Index layer_width_;  // of W: half the network's for verlet
  const LayerKernel<S>& kernel_;
  const S* layers_;
  Index stride_;          // from layer to layer
  Index blocks_;          // the most of a chunk
  Index state_;           // numbers that pass through W
  Index slopes_;          // numbers that hold their slopes
  Index scratch_states_;  // how many of such states a step needs
};

}  // namespace mgres
