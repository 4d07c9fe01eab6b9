/// Convolutions by 3x3 kernels with fewer multiplications; see winograd.cpp.
#pragma once

#include "map.hpp"

namespace mgres::detail {

/// Scratch of a sum of two products by squares.
template <class S>
struct SquaresScratch {
  SquaresScratch(const Map& map, S* memory) {
    constexpr int L = kLanes<S>;
    Arena<S> arena(memory);
    // Numbers of the 16 that lie a power of two apart would share few places of the L1 cache.
    filters_number = 2 * map.groups * map.outputs * map.inputs + 16;
    pixels_number = (2 * map.inputs * map.squares() + 3) * L;
    sums_number = (map.outputs * map.squares() + 3) * L;
    for (S*& images : padded) images = arena.take(map.padded_size<S>() + L);
    zeros = arena.take((map.padded_width + 1) * L);
    filters = arena.take(16 * filters_number);
    pixels = arena.take(16 * pixels_number);
    sums = arena.take(16 * sums_number);
    size = arena.used();
  }
  S *padded[2], *zeros, *filters, *pixels, *sums;
  Index filters_number, pixels_number, sums_number;
  Index size;
};

/// out = start + the sum of one or two products, for a map that `has_squares`.
template <class S>
void multiply_by_squares(const Map& map, Index blocks, Start<S> start, const Applied<S>* factors,
                         int count, S* out, S* scratch);

}  // namespace mgres::detail
