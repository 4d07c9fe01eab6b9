/// Where the parameters of a network live in the flat vector.
#pragma once

#include <vector>

#include "mgres/network_spec.hpp"

namespace mgres {

/// Offsets in the flat parameter vector
///
///   [ opening | layers of stack 0 | layers of stack 1 | ... | connections | closing ],
///
/// where every map has its weights before its bias and every array is row-major.  Of a ResNet this
/// is [ Q (v, q) | layer 0 | ... | layer K-1 | W_out (m, v) | b_out (m) ].  The gradient has the
/// same layout.
struct Layout {
  explicit Layout(const NetworkSpec& net) {
    Index end = opening = fields(net.opening).size();
    for (const StackSpec& stack : net.stacks) {
      layers.push_back(end);
      layer.push_back(fields(stack.block, stack.width).size());
      end += stack.depth * layer.back();
    }
    for (const MapSpec& map : net.connections) {
      connections.push_back(end);
      end += fields(map).size();
    }
    closing = end;
    size = closing + fields(net.closing).size();
  }

  Index opening;                   // length of the opening, which starts at 0
  std::vector<Index> layers;       // start of layer 0 of each stack
  std::vector<Index> layer;        // length of one layer of each
  std::vector<Index> connections;  // start of each
  Index closing;                   // start of the closing
  Index size;                      // length of the whole vector
};

}  // namespace mgres
