/// The classifier z = W_out y_K + b_out and its adjoint, for one chunk in blocks (see kernel.hpp).
#pragma once

#include "mgres/layout.hpp"

namespace mgres {

/// Logits in blocks.
template <class S>
void close(const ResNet& net, const S* W_out, const S* b_out, Index blocks, const S* y, S* z);

/// a_K = W_out^T g for g = dloss/dz.
template <class S>
void closing_adjoint(const ResNet& net, const S* W_out, Index blocks, const S* g, S* a);

/// dW_out += g y_K^T and db_out += g, summed over all samples.
template <class S>
void add_closing_gradient(const ResNet& net, Index blocks, const S* g, const S* y, S* dW_out,
                          S* db_out);

}  // namespace mgres
