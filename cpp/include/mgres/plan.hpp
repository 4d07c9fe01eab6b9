/// How a batch is cut into pieces of work, and how much memory they take.
///
/// Nothing here may depend on the number of threads: the cuts decide the order of the sums, and so
/// the last bits of the gradient.
#pragma once

#include <algorithm>

#include "mgres/kernel.hpp"
#include "mgres/layout.hpp"
#include "mgres/simd.hpp"

namespace mgres {

/// The batch is cut into chunks of samples, which are dealt out to groups in order; a group is one
/// task with its own partial gradient.  A chunk passes through all layers at once.  On the way
/// there the inputs and slopes of the last `taped` layers are kept, for all other layers only a
/// checkpoint every `segment` layers, from which they are computed again on the way back.
template <class S>
struct Plan {
  static constexpr Index kLeastChunk = 8 * kLanes<S>;  // samples; amortises the lane sums of dW
  static constexpr Index kLargestChunk = 16 * kLanes<S>;
  static constexpr Index kFewChunks = 8;   // a batch that could have so many should
  static constexpr Index kMaxGroups = 32;  // and so threads that help
  static constexpr Index kTapeBytes = 9 << 20;
  static constexpr Index kSegmentBytes = 512 << 10;  // stays in the L2 cache

  Plan(const ResNet& net, Index batch_size) : samples(batch_size) {
    const Index bytes = static_cast<Index>(sizeof(S));
    const Index tapeable = kTapeBytes / (net.depth * net.width * bytes);
    const Index largest =
        std::clamp(std::min(samples / kFewChunks, tapeable), kLeastChunk, kLargestChunk);
    const Index pieces = ceil_div(samples, largest);
    const Index even = samples > largest ? round_up(pieces, 2) : pieces;
    chunk = round_up(ceil_div(samples, even), kLanes<S>);
    chunks = ceil_div(samples, chunk);
    groups = std::min(chunks, kMaxGroups);
    blocks = chunk / kLanes<S>;
    state = net.width * chunk;
    slopes = round_up(slopes_size<S>(net.activation, net.width, blocks), kLanes<S>);
    const Index layer_bytes = (state + slopes) * bytes;
    taped = std::clamp<Index>(kTapeBytes / layer_bytes, 1, net.depth);
    segment = std::clamp<Index>(kSegmentBytes / layer_bytes, 1, taped);
    checkpoints = ceil_div(net.depth - taped, segment);
  }

  Index samples;  // n
  Index chunk;    // samples of a chunk, whole blocks
  Index chunks;
  Index groups;
  Index blocks;       // of a chunk
  Index state;        // numbers in the state of a chunk
  Index slopes;       // numbers that hold the slopes of a chunk
  Index taped;        // layers
  Index segment;      // layers
  Index checkpoints;  // segments before the taped layers
};

}  // namespace mgres
