/// Products of filters with chunks of images in blocks (see kernel.hpp): a convolution, its transpose
/// and the derivative by its weights, for images in one or two dimensions.
///
/// An image is stored channel by channel and row by row:
///
///   feature = (channel * height + row) * width + column;
///
/// in one dimension the height is 1.  Weights are laid out as in PyTorch,
///
///   weights[out channel][in channel of the group][kernel row][kernel column],
///
/// and a convolution is, as there, a correlation: with a kernel of (2 a + 1) rows and (2 b + 1) columns
///
///   (W * x)[o][i][j] = sum over c, k, l of W[o][c][k][l] x[c][i + k - a][j + l - b].
///
/// Beyond its edges an image is zero, or goes on from the opposite edge.
#pragma once

#include "mgres/filters.hpp"
#include "mgres/products.hpp"

namespace mgres {

/// out = start + W * x for the sum of two such products; those with null weights count as zero.  A bias
/// has one number for each channel.  `out` may be `start.from`, but no x.
template <class S>
void multiply(const ConvolutionShape& shape, Index blocks, Start<S> start, Applied<S> first,
              Applied<S> second, S* out, S* scratch);

/// out = start + the transposes of the same maps, from outputs to inputs.
template <class S>
void multiply_transposed(const ConvolutionShape& shape, Index blocks, Start<S> start,
                         Applied<S> first, Applied<S> second, S* out, S* scratch);

/// weights += the derivative of <s, W * x> by W, summed over all samples.
template <class S>
void add_outer(const ConvolutionShape& shape, Index blocks, const S* s, const S* x, S* weights,
               S* scratch);

/// bias (channels) += factor * sum over samples and pixels of s.
template <class S>
void add_channel_sums(Index channels, Index pixels, Index blocks, const S* s, S* bias, S* scratch,
                      S factor = 1);

/// Numbers of scratch that any of these functions needs, for any number of blocks.
template <class S>
Index convolution_scratch(const ConvolutionShape& shape);

}  // namespace mgres
