/// The network and where its parameters live in the flat vector.
#pragma once

#include "mgres/activation.hpp"
#include "mgres/scheme.hpp"
#include "mgres/types.hpp"

namespace mgres {

/// y_0 = Q x,  y_{k+1} = step(y_k; W_k, b_k),  logits = W_out y_K + b_out,  h = T / K, where a step
/// of forward Euler is y + h sigma(W y + b) and scheme.hpp has the others.
///
/// With `antisymmetric` weights the steps use (W - W^T) / 2 - damping I in place of W.
struct ResNet {
  Index inputs = 1;   // q
  Index width = 1;    // v
  Index outputs = 1;  // m
  Index depth = 1;    // K
  double final_time = 1.0;
  Activation activation = Activation::relu;
  Scheme scheme = Scheme::euler;
  double substeps = 1;  // m of Scheme::matched
  bool antisymmetric = false;
  double damping = 0;

  double step() const { return final_time / static_cast<double>(depth); }
  Index layer_width() const { return scheme == Scheme::verlet ? width / 2 : width; }  // of W
};

/// Offsets in the flat parameter vector
///
///   [ Q (v, q) | W_0 (w, w) | b_0 (w) | ... | W_{K-1} | b_{K-1} | W_out (m, v) | b_out (m) ],
///
/// w = v but for verlet, every matrix row-major.  The gradient has the same layout.
struct Layout {
  explicit Layout(const ResNet& net)
      : opening(net.width * net.inputs),
        layer(net.layer_width() * (net.layer_width() + 1)),
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
