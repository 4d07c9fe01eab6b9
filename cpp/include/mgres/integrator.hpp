/// How a layer takes a chunk of samples from y_k to y_{k+1}, there and back, with its tangent.
///
/// Numbers lie in blocks (see kernel.hpp); scratch and records begin where a vector may.
#pragma once

#include <memory>

#include "mgres/block.hpp"
#include "mgres/network_spec.hpp"

namespace mgres {

template <class S>
class Integrator {
 public:
  virtual ~Integrator() = default;

  /// Multiplications of a step for one sample, roughly.
  virtual double cost() const = 0;

  /// Numbers that a step keeps for the way back beside its input, and with its tangent.
  virtual Index record_size(Index blocks) const = 0;
  virtual Index dual_record_size(Index blocks) const = 0;

  /// Numbers of scratch of `forward`, and of any of the four functions.
  virtual Index forward_scratch(Index blocks) const = 0;
  virtual Index scratch(Index blocks) const = 0;

  /// y_{k+1} from y_k and the layer's parameters p.  Unless it is null, `record` receives what
  /// `adjoint` needs.
  virtual void forward(const S* p, Index blocks, const S* y, S* out, S* record,
                       S* scratch) const = 0;

  /// From dL/dy_{k+1} in `adjoint` to dL/dy_k.  Adds dL/dp to `gradient` unless it is null.
  virtual void adjoint(const S* p, Index blocks, const S* y, const S* record, S* adjoint,
                       S* gradient, S* scratch) const = 0;

  /// y_{k+1} and its derivative along the direction (p.dot, y.dot).  With `second` it writes the
  /// record that `adjoint_tangent` needs, else that of `adjoint`.
  virtual void tangent(Dual<const S> p, Index blocks, Dual<const S> y, Dual<S> out, bool second,
                       S* record, S* scratch) const = 0;

  /// From dL/dy_{k+1} and its derivative along the direction to those of y_k.  Adds the derivative
  /// of dL/dp along the direction to `gradient_dot` unless it is null.
  virtual void adjoint_tangent(Dual<const S> p, Index blocks, Dual<const S> y, const S* record,
                               Dual<S> adjoint, S* gradient_dot, S* scratch) const = 0;
};

template <class S>
using IntegratorPtr = std::unique_ptr<const Integrator<S>>;

/// The integrator of a stack's scheme for its block.
template <class S>
IntegratorPtr<S> make_integrator(const StackSpec& stack);

}  // namespace mgres
