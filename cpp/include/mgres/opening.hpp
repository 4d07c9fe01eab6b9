/// The opening y_0 = W x of one chunk of samples, which come as rows (n, q), and its adjoint.
#pragma once

#include "mgres/junction.hpp"

namespace mgres {

/// A matrix is multiplied with the rows as they lie; any other map needs them in blocks (see
/// kernel.hpp) first.
template <class S>
class Opening {
 public:
  explicit Opening(const MapSpec& spec);

  Index inputs() const { return inputs_; }
  double cost() const { return junction_.cost(); }

  /// Numbers of scratch that `forward` fills and the other two read again.
  Index scratch_size(Index blocks) const;

  /// y_0 in blocks from `count` samples X; without a bias zero where there is no sample.
  void forward(const S* p, const S* X, Index count, S* y0, S* scratch) const;

  /// Adds the derivative by the parameters to `gradient`, for the adjoint a_0 of y_0.
  void add_gradient(const S* a0, const S* X, Index count, S* gradient, S* scratch) const;

  /// dX = W^T a_0 for `count` samples.
  void adjoint(const S* p, const S* a0, Index count, S* dX, S* scratch) const;

 private:
  Index given(Index blocks) const;

  bool by_rows_;
  Index inputs_, width_;
  Junction<S> junction_;
};

}  // namespace mgres
