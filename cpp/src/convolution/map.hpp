/// What the products of convolutions share: a shape as the loops see it, and padded copies of images.
///
/// Images are copied, block by block, to where their rows have room for what a kernel sees beyond the
/// edges, so that no inner loop knows a column that is missing.  Rows that are missing are left out.
#pragma once

#include <algorithm>
#include <utility>

#include "mgres/arena.hpp"
#include "mgres/convolution.hpp"
#include "mgres/simd.hpp"

namespace mgres::detail {

/// One of the two maps of a shape: the convolution, or its transpose, which is a convolution with the
/// flipped kernel.  Channels are those of a group; weights of the map are found by strides.
struct Map {
  Map(const ConvolutionShape& shape, bool transposed)
      : groups(shape.groups),
        inputs(shape.in_channels / groups),
        outputs(shape.out_channels / groups),
        height(shape.height),
        width(shape.width),
        rows(shape.kernel_rows),
        columns(shape.kernel_columns),
        periodic(shape.periodic) {
    const Index kernel = rows * columns;
    group_stride = outputs * inputs * kernel;
    output_stride = inputs * kernel;
    input_stride = kernel;
    row_stride = columns;
    column_stride = 1;
    if (transposed) {
      std::swap(inputs, outputs);
      std::swap(input_stride, output_stride);
      origin = kernel - 1;
      row_stride = -row_stride;
      column_stride = -column_stride;
    }
    if (kernel == 1) {  // pixels have no neighbours: one row of all
      width *= height;
      height = 1;
    }
    border = columns / 2;
    padded_width = width + 2 * border;
    padded_channel = height * padded_width;
  }

  Index taps() const { return inputs * rows * columns; }
  Index weights() const { return groups * outputs * taps(); }
  bool needs_copy() const { return border > 0; }

  /// Numbers in the padded images of a block.
  template <class S>
  Index padded_size() const {
    return needs_copy() ? groups * inputs * padded_channel * kLanes<S> : 0;
  }

  /// The rows of the kernel that meet the image when its middle is at `row`.
  Index first_row(Index row) const { return periodic ? 0 : std::max<Index>(0, rows / 2 - row); }
  Index last_row(Index row) const {
    return periodic ? rows : std::min<Index>(rows, rows / 2 - row + height);
  }

  /// The rows of the image where row k of the kernel meets it.
  Index first_row_under(Index k) const {
    return periodic ? 0 : std::min(height, std::max<Index>(0, rows / 2 - k));
  }
  Index last_row_under(Index k) const {
    return periodic ? height : std::min(height, rows / 2 - k + height);
  }

  /// The row of the image that lies under row k of the kernel.
  Index under(Index row, Index k) const {
    const Index found = row + k - rows / 2;
    return periodic ? wrapped(found, height) : found;
  }

  static Index wrapped(Index i, Index n) { return (i % n + n) % n; }

  Index groups, inputs, outputs, height, width, rows, columns;
  bool periodic;
  Index group_stride, output_stride, input_stride, row_stride, column_stride, origin = 0;
  Index border, padded_width, padded_channel;
};

/// Copy the images of a block to `to`, with what lies beyond the edges, and return where they are.
template <class S>
const S* pad(const Map& map, const S* x, S* to) {
  if (!map.needs_copy()) return x;
  constexpr int L = kLanes<S>;
  S* out = to;
  const Index count = map.groups * map.inputs * map.height;
  for (Index row = 0; row < count; ++row, x += map.width * L) {
    for (Index j = -map.border; j < 0; ++j, out += L)
      store(out, map.periodic ? load(x + Map::wrapped(j, map.width) * L) : Pack<S>{});
    for (Index j = 0; j < map.width; ++j, out += L) store(out, load(x + j * L));
    for (Index j = map.width; j < map.width + map.border; ++j, out += L)
      store(out, map.periodic ? load(x + Map::wrapped(j, map.width) * L) : Pack<S>{});
  }
  return to;
}

/// Scratch of a sum of two products.
template <class S>
struct ProductScratch {
  ProductScratch(const Map& map, S* memory) {
    Arena<S> arena(memory);
    for (int f = 0; f < 2; ++f) {
      padded[f] = arena.take(map.padded_size<S>());
      packed[f] = arena.take(map.weights());
    }
    size = arena.used();
  }
  S *padded[2], *packed[2];
  Index size;
};

/// Scratch of a derivative by the weights.
template <class S>
struct OuterScratch {
  OuterScratch(const Map& map, S* memory) {
    Arena<S> arena(memory);
    padded = arena.take(map.padded_size<S>());
    sums = reinterpret_cast<Pack<S>*>(arena.take(map.weights() * kLanes<S>));
    size = arena.used();
  }
  S* padded;
  Pack<S>* sums;
  Index size;
};

}  // namespace mgres::detail
