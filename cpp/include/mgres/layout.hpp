/// The network and where its parameters live in the flat vector.
#pragma once

#include "mgres/block_spec.hpp"
#include "mgres/scheme.hpp"
#include "mgres/types.hpp"

namespace mgres {

/// y_0 = Q x,  y_{k+1} = step(y_k; p_k),  logits = W_out y_K + b_out,  h = T / K, where a step of
/// forward Euler is y + h F(y; p_k); scheme.hpp has the other steps and block_spec.hpp the blocks F.
struct ResNet {
  Index inputs = 1;   // q
  Index width = 1;    // v
  Index outputs = 1;  // m
  Index depth = 1;    // K
  double final_time = 1.0;
  BlockSpec block{};
  Scheme scheme = Scheme::euler;
  double substeps = 1;  // m of Scheme::matched

  double step() const { return final_time / static_cast<double>(depth); }
};

/// Offsets in the flat parameter vector
///
///   [ Q (v, q) | layer 0 | ... | layer K-1 | W_out (m, v) | b_out (m) ],
///
/// every matrix row-major.  The gradient has the same layout.
struct Layout {
  explicit Layout(const ResNet& net)
      : opening(net.width * net.inputs),
        layer(fields(net.block, net.width).size()),
        layers(opening),
        closing(opening + net.depth * layer),
        closing_bias(closing + net.outputs * net.width),
        size(closing_bias + net.outputs) {}

  Index opening;       // length of Q, which starts at 0
  Index layer;         // length of one layer
  Index layers;        // start of layer 0
  Index closing;       // start of W_out
  Index closing_bias;  // start of b_out
  Index size;          // length of the whole vector
};

}  // namespace mgres
