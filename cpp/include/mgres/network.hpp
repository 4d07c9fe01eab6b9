/// A network as it is computed: made once, because making it takes memory.
#pragma once

#include <algorithm>
#include <vector>

#include "mgres/integrator.hpp"
#include "mgres/junction.hpp"
#include "mgres/layout.hpp"
#include "mgres/opening.hpp"

namespace mgres {

/// The layers of a stack, and where they lie.
template <class S>
struct Layers : StackSpec {
  Layers(const StackSpec& spec, Index start_of_first, Index layer_size)
      : StackSpec(spec),
        start(start_of_first),
        size(layer_size),
        integrator(make_integrator<S>(spec)) {}

  Index start;  // of layer 0 in the flat vector
  Index size;   // of one layer
  IntegratorPtr<S> integrator;
};

template <class S>
struct Network {
  Network(const NetworkSpec& spec)  // NOLINT(google-explicit-constructor): the same network
      : layout(spec), opening(spec.opening), closing(spec.closing) {
    for (std::size_t i = 0; i < spec.stacks.size(); ++i)
      stacks.emplace_back(spec.stacks[i], layout.layers[i], layout.layer[i]);
    for (const MapSpec& map : spec.connections) connections.emplace_back(map);
  }

  Network(const ResNet& net)  // NOLINT(google-explicit-constructor)
      : Network(NetworkSpec(net)) {}

  Index inputs() const { return opening.inputs(); }
  Index outputs() const { return closing.outputs(); }

  /// Multiplications for one sample, roughly.
  double cost() const {
    double sum = opening.cost() + closing.cost();
    for (const Layers<S>& stack : stacks)
      sum += static_cast<double>(stack.depth) * stack.integrator->cost();
    for (const Junction<S>& map : connections) sum += map.cost();
    return sum;
  }

  /// Numbers of scratch of the maps between and behind the stacks.
  Index scratch_size(Index blocks) const {
    Index most = closing.scratch_size(blocks);
    for (const Junction<S>& map : connections) most = std::max(most, map.scratch_size(blocks));
    return most;
  }

  const Layout layout;
  const Opening<S> opening;
  std::vector<Layers<S>> stacks;
  std::vector<Junction<S>> connections;
  const Junction<S> closing;
};

}  // namespace mgres
