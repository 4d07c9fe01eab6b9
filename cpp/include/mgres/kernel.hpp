/// The narrow interface to the fused arithmetic of one dense layer.
///
/// Samples are taken in chunks, a chunk in blocks of kLanes samples.  A chunk's state is stored
/// block by block, each block feature by feature with the samples innermost,
///
///   state[(block * width + feature) * kLanes + sample],
///
/// so that a vector register holds one feature of neighbouring samples and every weight is
/// a scalar factor.  Samples that fill up the last block are computed like all others and must not
/// influence sums: their adjoint is zero.
#pragma once

#include "mgres/activation.hpp"
#include "mgres/block.hpp"
#include "mgres/types.hpp"

namespace mgres {

/// One layer, and the size of the chunk that passes through it.
template <class S>
struct Layer {
  const S* parameters;  // W (width, width) row-major, then b (width)
  Index width;
  Index blocks;
  S step;  // h
  Activation activation;
};

template <class S>
struct LayerKernel {
  /// All `updates` with h sigma(W y + b); no `to` may overlap y.  Unless it is null, `slopes` receives
  /// h sigma'(W y + b); see activation.hpp.
  void (*forward)(const Layer<S>&, const S* y, Updates<S> updates, S* slopes);

  /// adjoint += h W^T (sigma' r).  Adds (h sigma' r) y^T and h sigma' r to `gradient` (laid out like
  /// the parameters) unless it is null.  `r` may be `adjoint`.
  void (*backward)(const Layer<S>&, const S* y, const S* slopes, const S* r, S* adjoint,
                   S* gradient, S* scratch);

  /// Numbers of scratch that `backward` needs.
  Index (*scratch_size)(Index width, Index blocks);
};

/// The kernel for a width: unrolled for small widths, tiled for all others.
template <class S>
const LayerKernel<S>& layer_kernel(Index width);

}  // namespace mgres
