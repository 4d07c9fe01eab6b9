/// Linear maps between images of different resolution, in blocks (see kernel.hpp and convolution.hpp).
///
/// A convolution that moves by n pixels is `subsample` after one that moves by one, and its transpose
/// and derivative are those of convolution.hpp after `subsample_transposed`.  That is n^2 times the
/// work, but no more than a block of the larger images takes.
#pragma once

#include "mgres/types.hpp"

namespace mgres {

/// The larger images, and the edge of the squares of which each becomes one pixel.
struct PoolingShape {
  Index channels = 1;
  Index height = 1;
  Index width = 1;
  Index size = 2;

  Index inputs() const { return channels * height * width; }

  /// Squares that reach beyond the lower and right edges count for `subsample`, as in a convolution
  /// of PyTorch, but not for `average_pool`, as in its pooling.
  Index sampled_height() const { return ceil_div(height, size); }
  Index sampled_width() const { return ceil_div(width, size); }
  Index averaged_height() const { return height / size; }
  Index averaged_width() const { return width / size; }
};

/// Throw std::invalid_argument unless each square lies in the images and all sizes are positive.
void check_pooling(const PoolingShape& shape);

/// out = the upper left pixel of each square.
template <class S>
void subsample(const PoolingShape& shape, Index blocks, const S* x, S* out);

/// out = s in the upper left pixel of each square, and zero elsewhere.
template <class S>
void subsample_transposed(const PoolingShape& shape, Index blocks, const S* s, S* out);

/// out = the mean of each square.
template <class S>
void average_pool(const PoolingShape& shape, Index blocks, const S* x, S* out);

/// out = s / size^2 in all pixels of each square, and zero outside the squares.
template <class S>
void average_pool_transposed(const PoolingShape& shape, Index blocks, const S* s, S* out);

}  // namespace mgres
