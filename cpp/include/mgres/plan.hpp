/// How a batch is cut into pieces of work, and how much memory they take.
///
/// The cuts must not depend on the number of threads: they decide the order of the sums, and so the
/// last bits of the gradient.  What is kept and what is computed again may depend on it, because
/// a state that is computed again has the same bits.
#pragma once

#include <algorithm>

#include "mgres/arena.hpp"
#include "mgres/parallel.hpp"
#include "mgres/resnet.hpp"
#include "mgres/simd.hpp"
#include "mgres/workspace.hpp"

namespace mgres {

inline constexpr double kSerialFlops = 1e6;  // less work than this is done before a thread wakes up

/// Threads, of `threads`, worth waking for `tasks` tasks when a layer takes `sweeps` times its cost.
template <class S>
int useful_threads(const Network<S>& net, Index samples, Index tasks, int sweeps, int threads) {
  const double flops = 2.0 * sweeps * net.cost() * static_cast<double>(samples);
  return flops < kSerialFlops ? 1 : static_cast<int>(std::min<Index>(threads, tasks));
}

/// The batch is cut into chunks of samples, which are dealt out to groups in order; a group is one
/// task with its own partial gradient.  A chunk passes through all layers at once.
template <class S>
struct Plan {
  static constexpr Index kLeastChunk = 8 * kLanes<S>;  // samples; amortises the lane sums of dW
  static constexpr Index kLargestChunk = 16 * kLanes<S>;
  static constexpr Index kFewChunks = 8;   // a batch that could have so many should
  static constexpr Index kMaxGroups = 32;  // and so threads that help

  /// Bytes of states that stay close; of sparse matrices more, as dW is summed slowly of few samples.
  static constexpr Index kImageBytes = 1 << 17;
  static constexpr Index kSparseBytes = 1 << 18;

  /// Samples whose images stay close: their weights are few, so that it costs little to fetch them
  /// for every chunk.
  static Index image_chunk(Index width, Index bytes) {
    const Index block = width * kLanes<S> * static_cast<Index>(sizeof(S));
    return kLanes<S> * std::clamp<Index>(bytes / block, 1, kLeastChunk / kLanes<S>);
  }

  Plan(const Network<S>& net, Index batch_size) : samples(batch_size) {
    Index numbers = 0, of_images = 0, of_sparse = 0;
    for (const Layers<S>& stack : net.stacks) {
      numbers += stack.depth * stack.width;
      if (stack.block.filters.any()) of_images = std::max(of_images, stack.width);
      if (stack.block.sparsity.any()) of_sparse = std::max(of_sparse, stack.width);
    }
    const Index tapeable = TapeLimits{}.thread / (numbers * static_cast<Index>(sizeof(S)));
    const Index largest = of_images > 0   ? image_chunk(of_images, kImageBytes)
                          : of_sparse > 0 ? image_chunk(of_sparse, kSparseBytes)
                                          : std::clamp(std::min(samples / kFewChunks, tapeable),
                                                       kLeastChunk, kLargestChunk);
    const Index pieces = ceil_div(samples, largest);
    const Index even = samples > largest ? round_up(pieces, 2) : pieces;
    chunk = round_up(ceil_div(samples, even), kLanes<S>);
    chunks = ceil_div(samples, chunk);
    groups = std::min(chunks, kMaxGroups);
    blocks = chunk / kLanes<S>;
  }

  /// Numbers in the state of a chunk.
  Index state(Index width) const { return Arena<S>::room(width * chunk); }

  Index samples;  // n
  Index chunk;    // samples of a chunk, whole blocks
  Index chunks;
  Index groups;
  Index blocks;  // of a chunk
};

/// The share of a thread in what may be kept for the way back, in bytes.
inline Index tape_share(const TapeLimits& limits, int threads) {
  return std::clamp(limits.shared / threads, limits.segment, limits.thread);
}

/// What a thread keeps of a chunk on its way through a stack: the inputs and records of the last
/// `layers` layers, and for all layers before them a checkpoint every `segment` layers, from which
/// they are computed again on the way back.
struct Tape {
  /// For layers that leave `layer_bytes` each, with `share` bytes; what they take comes off the share,
  /// as far as the stacks in front have `least` bytes.
  Tape(Index depth, Index layer_bytes, Index least, Index& share)
      : layers(std::clamp<Index>(share / layer_bytes, 1, depth)),
        segment(std::clamp<Index>(least / layer_bytes, 1, layers)),
        checkpoints(ceil_div(depth - layers, segment)) {
    share = std::max(share - layers * layer_bytes, least);
  }

  Tape() = default;

  Index layers = 0;
  Index segment = 0;
  Index checkpoints = 0;  // segments before the taped layers
};

}  // namespace mgres
