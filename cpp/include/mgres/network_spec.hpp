/// What a network consists of: stacks of layers, and linear maps before, between and behind them.
///
///   y = opening(x);  y = stack 0 (y);  y = connection 0 (y);  y = stack 1 (y);  ...;  z = closing(y)
#pragma once

#include <vector>

#include "mgres/block_spec.hpp"
#include "mgres/scheme.hpp"
#include "mgres/types.hpp"

namespace mgres {

/// A state as channels of an image, stored as in convolution.hpp; a vector has images of one pixel.
struct StateShape {
  Index channels = 1;
  Index rows = 1;
  Index columns = 1;

  Index pixels() const { return rows * columns; }
  Index size() const { return channels * pixels(); }
};

/// A linear map between states, with weights W or without, and with a bias if it is `biased`:
///
///   matrix       W y + b with a full matrix
///   pooled       W y' + b with the means y' of the channels
///   convolution  the convolution of y at every s-th pixel, plus a bias for each channel, where s is
///                how many times fewer rows (columns) the result has
///   resample     means of the images over squares of s x s pixels, and channels of zeros behind
///                them; the identity where nothing changes
enum class MapKind { matrix, pooled, convolution, resample };

struct MapSpec {
  MapKind kind = MapKind::matrix;
  StateShape in{};
  StateShape out{};
  Index kernel_rows = 1;
  Index kernel_columns = 1;
  bool periodic = false;
  bool biased = true;
};

/// Layers that are alike: y_{k+1} = step(y_k; p_k) with the step size h = T / K.
struct StackSpec {
  Index width = 1;  // v
  Index depth = 1;  // K
  double final_time = 1.0;
  BlockSpec block{};
  Scheme scheme = Scheme::euler;
  double substeps = 1;  // m of Scheme::matched

  double step() const { return final_time / static_cast<double>(depth); }
};

/// y_0 = Q x, one stack, logits = W_out y_K + b_out.
struct ResNet : StackSpec {
  Index inputs = 1;   // q
  Index outputs = 1;  // m
};

struct NetworkSpec {
  NetworkSpec() = default;
  NetworkSpec(const ResNet& net);  // NOLINT(google-explicit-constructor): one of its kind

  MapSpec opening{};
  std::vector<StackSpec> stacks;
  std::vector<MapSpec> connections;  // one fewer
  MapSpec closing{};
};

/// The most stacks of a network: what a thread keeps of them has a fixed size.
inline constexpr Index kMostStacks = 16;

/// The weights and the bias of a map.
Fields fields(const MapSpec& map);

/// Throw std::invalid_argument unless there is such a map.
void check_map(const MapSpec& map);

/// The same for a stack, and for what follows each other in a network.
void check_stack(const StackSpec& stack);
void check_network(const NetworkSpec& net);

}  // namespace mgres
