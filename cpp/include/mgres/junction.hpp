/// The linear maps between the stacks of a network, on chunks in blocks (see kernel.hpp):
/// z = W y + b with its adjoint, its tangent and its adjoint tangent.
#pragma once

#include "mgres/block.hpp"
#include "mgres/linear_map.hpp"
#include "mgres/network_spec.hpp"

namespace mgres {

template <class S>
class Junction {
 public:
  explicit Junction(const MapSpec& spec) : map_(make_map<S>(spec)), biased_(spec.biased) {}

  Index inputs() const { return map_->inputs(); }
  Index outputs() const { return map_->outputs(); }

  /// Multiplications for one sample, roughly, and numbers of scratch of any of the four functions.
  double cost() const { return map_->cost(); }
  Index scratch_size(Index blocks) const { return map_->scratch_size(blocks); }

  /// z from y and the parameters p.
  void forward(const S* p, Index blocks, const S* y, S* z, S* scratch) const;

  /// dL/dy from dL/dz unless `a` is null.  Adds dL/dp to `gradient` unless it is null.
  void adjoint(const S* p, Index blocks, const S* y, const S* g, S* a, S* gradient,
               S* scratch) const;

  /// z.dot, the derivative along (p.dot, y.dot); a null p.dot stands for zero.
  void tangent(Dual<const S> p, Index blocks, Dual<const S> y, S* z_dot, S* scratch) const;

  /// The derivatives along the direction of what `adjoint` writes and adds, where g.dot is that of g.
  /// A null g.value stands for zero.
  void adjoint_tangent(Dual<const S> p, Index blocks, Dual<const S> y, Dual<const S> g, S* a_dot,
                       S* gradient_dot, S* scratch) const;

 private:
  bool has_weights() const { return map_->weights() > 0; }
  bool has_bias() const { return biased_ && has_weights(); }

  /// What a product with the map is given: one without weights asks for a pointer that is not null.
  Applied<S> with(const S* p, const S* x) const {
    static constexpr S any = 0;
    return {has_weights() ? p : &any, x};
  }

  MapPtr<S> map_;
  bool biased_;
};

}  // namespace mgres
