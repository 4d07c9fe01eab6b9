/// Transfers in depth between a network with K layers and one with K / m layers.
#pragma once

#include <vector>

#include "mgres/types.hpp"

namespace mgres {

enum class Prolongation { constant, linear };
enum class Projection { mean, injection, full_weighting };

/// The coarse layers of a stack.
struct StackOfLayers {
  Index layer;  // numbers in one
  Index coarse_depth;
};

/// Two flat vectors [ head | layers of each stack | tail ] that differ in the number of layers only;
/// head and tail (the maps before, between and behind the stacks) are copied by every operator.
///
/// Coarse layer j of a stack stands for time t_j = j m dt, the fine layers m j ... m j + m - 1 for the
/// interval that begins there.
struct DepthTransfer {
  Index head;
  std::vector<StackOfLayers> stacks;
  Index factor;  // m
  Index tail;

  Index coarse_size() const { return head + layers() + tail; }
  Index fine_size() const { return head + factor * layers() + tail; }

 private:
  Index layers() const {
    Index sum = 0;
    for (const StackOfLayers& stack : stacks) sum += stack.coarse_depth * stack.layer;
    return sum;
  }
};

/// out = P coarse.  constant: fine layer m j + r is c_j.  linear: (1 - r/m) c_j + (r/m) c_{j+1}, and
/// c_j itself behind the last coarse layer.
template <class S>
void prolong(const DepthTransfer& t, Prolongation kind, const S* coarse, S* out);

/// out = P^T fine, with the weights of `prolong`.
template <class S>
void restrict(const DepthTransfer& t, Prolongation kind, const S* fine, S* out);

/// out = Pi fine.  mean: of the m fine layers.  injection: the first of them.  full_weighting: the
/// hat function of width 2 m around layer m j, normalised (also at the ends) so that constants stay.
template <class S>
void project(const DepthTransfer& t, Projection kind, const S* fine, S* out);

}  // namespace mgres
