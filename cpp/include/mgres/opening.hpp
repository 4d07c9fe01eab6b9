/// The opening operator y_0 = Q x and its adjoint, for one chunk.
#pragma once

#include "mgres/layout.hpp"

namespace mgres {

/// Numbers of scratch that `open` fills and `add_opening_gradient` reads again.
template <class S>
Index opening_scratch(Index inputs, Index blocks);

/// y_0 in blocks (see kernel.hpp) from `count` samples X (count, q), row-major; zero where there is
/// no sample.
template <class S>
void open(const ResNet& net, const S* Q, const S* X, Index count, S* y0, S* scratch);

/// dQ += a_0 X for the adjoint a_0 of y_0.
template <class S>
void add_opening_gradient(const ResNet& net, const S* a0, const S* X, Index count, const S* scratch,
                          S* dQ);

/// dX = Q^T a_0 for `count` samples, row-major.
template <class S>
void opening_adjoint(const ResNet& net, const S* Q, const S* a0, Index count, S* dX);

}  // namespace mgres
