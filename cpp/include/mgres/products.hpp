/// Products of matrices of any size with chunks in blocks (see kernel.hpp), built from the tiles of
/// tiles.hpp: slower than the kernels of a dense layer, but free in what is multiplied with what.
#pragma once

#include "mgres/types.hpp"

namespace mgres {

/// A matrix and the blocks that it is multiplied with.
template <class S>
struct Factor {
  const S* matrix;
  Index row_stride;
  Index column_stride;
  const S* x;
};

/// The weights of a linear map, and the blocks that they are applied to; see linear_map.hpp.
template <class S>
struct Applied {
  const S* weights = nullptr;
  const S* x = nullptr;
};

/// What a sum of products starts from: bias (rows) for each sample, and blocks like the result; null
/// for zero.
template <class S>
struct Start {
  const S* bias = nullptr;
  const S* from = nullptr;
};

/// out = start + first + second for matrices (rows, columns); factors that are null count as zero.
/// `out` may be `start.from`.
template <class S>
void multiply(Index rows, Index columns, Index blocks, Start<S> start, const Factor<S>& first,
              const Factor<S>& second, S* out);

/// weights (rows, columns) += sum over samples of s_r y_c.
template <class S>
void add_outer(Index rows, Index columns, Index blocks, const S* s, const S* y, S* weights,
               S* scratch);

/// bias (rows) += factor * sum over samples of s_r.
template <class S>
void add_sums(Index rows, Index blocks, const S* s, S* bias, S* scratch, S factor = 1);

/// Numbers of scratch that `add_outer` and `add_sums` need.
template <class S>
Index outer_scratch(Index rows, Index columns, Index blocks);

}  // namespace mgres
