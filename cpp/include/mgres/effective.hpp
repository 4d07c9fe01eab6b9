/// The matrices that the layers multiply with, where they are not the parameters themselves.
#pragma once

#include "mgres/layout.hpp"

namespace mgres {

/// What one layer takes in memory as the steps use it:
///
///   euler, matched, rk4   [ W | b ],  or  [ (W - W^T) / 2 - damping I | b ]  if antisymmetric
///   verlet                [ W | b | W^T | b ]
inline Index effective_layer(const ResNet& net) {
  return Layout(net).layer * (net.scheme == Scheme::verlet ? 2 : 1);
}

/// Numbers of memory for the effective layers; 0 if they are the parameters.
inline Index effective_size(const ResNet& net) {
  const bool same = !net.antisymmetric && net.scheme != Scheme::verlet;
  return same ? 0 : net.depth * effective_layer(net);
}

/// Return the effective layers of `theta`: inside theta, or written to `memory`.
template <class S>
const S* effective_layers(const ResNet& net, const S* theta, S* memory);

/// Turn the derivative by the effective layers, laid out like theta, into the one by theta.  For
/// verlet the stepper has done it.
template <class S>
void pull_back(const ResNet& net, S* gradient);

}  // namespace mgres
