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
  const double per_sample = static_cast<double>(net.depth) * net.integrator->cost() +
                            static_cast<double>(net.width * (net.inputs + net.outputs));
  const double flops = 2.0 * sweeps * per_sample * static_cast<double>(samples);
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
    const Index tapeable =
        TapeLimits{}.thread / (net.depth * net.width * static_cast<Index>(sizeof(S)));
    const Index largest =
        net.block.filters.any() ? image_chunk(net.width, kImageBytes)
        : net.block.sparsity.any()
            ? image_chunk(net.width, kSparseBytes)
            : std::clamp(std::min(samples / kFewChunks, tapeable), kLeastChunk, kLargestChunk);
    const Index pieces = ceil_div(samples, largest);
    const Index even = samples > largest ? round_up(pieces, 2) : pieces;
    chunk = round_up(ceil_div(samples, even), kLanes<S>);
    chunks = ceil_div(samples, chunk);
    groups = std::min(chunks, kMaxGroups);
    blocks = chunk / kLanes<S>;
    state = Arena<S>::room(net.width * chunk);
    record = net.integrator->record_size(blocks);
  }

  Index samples;  // n
  Index chunk;    // samples of a chunk, whole blocks
  Index chunks;
  Index groups;
  Index blocks;  // of a chunk
  Index state;   // numbers in the state of a chunk
  Index record;  // numbers that a layer keeps for the way back beside its input
};

/// What a thread keeps of a chunk on its way: the inputs and records of the last `layers` layers, and
/// for all layers before them a checkpoint every `segment` layers, from which they are computed
/// again on the way back.
template <class S>
struct Tape {
  Tape(const Network<S>& net, const Plan<S>& plan, const TapeLimits& limits, int threads) {
    const Index share = std::clamp(limits.shared / threads, limits.segment, limits.thread);
    const Index layer_bytes = (plan.state + plan.record) * static_cast<Index>(sizeof(S));
    layers = std::clamp<Index>(share / layer_bytes, 1, net.depth);
    segment = std::clamp<Index>(limits.segment / layer_bytes, 1, layers);
    checkpoints = ceil_div(net.depth - layers, segment);
  }

  Index layers;
  Index segment;
  Index checkpoints;  // segments before the taped layers
};

}  // namespace mgres
