/// One layer together with its tangent along a direction of the parameters, there and back.
///
/// A layer is a step of an explicit Runge-Kutta method (scheme.hpp), with the stages
///
///   x_i = y + h sum_j a_ij k_j,   z_i = W x_i + b,   k_i = sigma(z_i),   out = y + h sum_i b_i k_i.
///
/// A dot marks the derivative along the direction (Wdot, bdot) of this layer's parameters and ydot of
/// its input.  On the way back, with A = dL/dout, each stage from the last to the first has
///
///   r_i = h (b_i A + sum_j a_ji c_j),   s_i = sigma'(z_i) r_i,   c_i = W^T s_i,
///
/// and dL/dy = A + sum_i c_i, dL/dW = sum_i s_i x_i^T, dL/db = sum_i s_i.  The derivatives of these
/// along the direction make the product with the Hessian:
///
///   sdot_i = sigma''(z_i) zdot_i r_i + sigma'(z_i) rdot_i,   cdot_i = Wdot^T s_i + W^T sdot_i.
///
/// The product with the Gauss-Newton matrix leaves out what is not linear in the dotted adjoints:
/// there sdot_i = sigma'(z_i) rdot_i and cdot_i = W^T sdot_i.
///
/// Numbers lie in blocks (see kernel.hpp).
#pragma once

#include "mgres/activation.hpp"
#include "mgres/scheme.hpp"
#include "mgres/types.hpp"

namespace mgres {

inline constexpr int kMaxStages = 4;

/// One layer, its direction, and the size of the chunk that passes through it.
template <class S>
struct TangentLayer {
  const S* parameters;  // W (width, width) row-major, then b (width)
  const S* direction;   // Wdot, then bdot; null for zero
  Index width;
  Index blocks;
  S step;  // h
  Activation activation;

  Index size() const;  // numbers in a state
};

/// What is kept of a stage for the way back.
template <class S>
struct Stage {
  S* x;
  S* x_dot;
  S* slope;  // sigma'(z)
  S* bend;   // sigma''(z) zdot; null for Gauss-Newton.  If not, x_dot follows x without a gap.
};

/// Fill the stages from x and x_dot of the first one, which are y and ydot; write the outputs.
/// `scratch` has room for two states.
template <class S>
void forward_tangent(const TangentLayer<S>& layer, const Tableau& tableau, const Stage<S>* stages,
                     S* out, S* out_dot, S* scratch);

/// `a_dot` holds the derivative of dL/dout along the direction and receives that of dL/dy; so does
/// `a` for dL/dout itself, but it is null for Gauss-Newton.  Adds the derivatives of dL/dW and dL/db
/// along the direction to `gradient` unless it is null.
template <class S>
void backward_tangent(const TangentLayer<S>& layer, const Tableau& tableau, const Stage<S>* stages,
                      S* a, S* a_dot, S* gradient, S* scratch);

/// Numbers of scratch that `backward_tangent` needs.
template <class S>
Index tangent_scratch(Index width, Index blocks, int stages);

}  // namespace mgres
