/// The narrow interface to the arithmetic of the layers.
///
/// Samples are taken in chunks, a chunk in blocks of `lanes` samples.  A chunk's state is stored
/// block by block, each block feature by feature with the samples innermost,
///
///   state[(block * width + feature) * lanes + sample],
///
/// so that a vector register holds one feature of neighbouring samples and every weight is
/// a scalar factor.  Samples that fill up the last block are computed like all others and must not
/// influence sums: their adjoint is zero.
#pragma once

#include "mgres/activation.hpp"
#include "mgres/types.hpp"

namespace mgres {

/// A range of consecutive layers and the chunk that passes through them.
template <class S>
struct Segment {
  const S* parameters;  // (layers, width * width + width): W row-major, then b
  Index layers;
  Index width;
  Index blocks;
  S step;  // h
  Activation activation;
};

template <class S>
struct LayerKernel {
  /// Samples in a block.
  Index lanes;

  /// y <- y + h sigma(W y + b) for each layer in turn, on all blocks of `state`, in place.  Unless
  /// they are null, `states` and `slopes` (layers, chunk) receive each layer's input y
  /// and h sigma'(W y + b).
  void (*forward)(const Segment<S>&, S* state, S* states, S* slopes, S* scratch);

  /// Back through the layers.  `adjoint` holds dL/dy behind the last layer and receives dL/dy before
  /// the first.  Adds dL/dW, dL/db to `gradient` (laid out like the parameters) unless it is null.
  void (*backward)(const Segment<S>&, const S* states, const S* slopes, S* adjoint, S* gradient,
                   S* scratch);

  /// Numbers of scratch that either needs.
  Index (*scratch_size)(Index width, Index blocks);
};

/// The kernel for a width: unrolled for small widths, tiled for all others.
template <class S>
const LayerKernel<S>& layer_kernel(Index width);

}  // namespace mgres
