/// The network and where its parameters live in the flat vector.
#pragma once

#include "mgres/activation.hpp"
#include "mgres/types.hpp"

namespace mgres {

/// y_0 = Q x,  y_{k+1} = y_k + h sigma(W_k y_k + b_k),  logits = W_out y_K + b_out,  h = T / K.
struct ResNet {
  Index inputs = 1;   // q
  Index width = 1;    // v
  Index outputs = 1;  // m
  Index depth = 1;    // K
  double final_time = 1.0;
  Activation activation = Activation::relu;

  double step() const { return final_time / static_cast<double>(depth); }
};

/// Offsets in the flat parameter vector
///
///   [ Q (v, q) | W_0 (v, v) | b_0 (v) | ... | W_{K-1} | b_{K-1} | W_out (m, v) | b_out (m) ],
///
/// every matrix row-major.  The gradient has the same layout.
struct Layout {
  explicit Layout(const ResNet& net)
      : opening(net.width * net.inputs),
        layer(net.width * net.width + net.width),
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
