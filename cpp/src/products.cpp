#include "mgres/products.hpp"

#include <algorithm>

#include "mgres/tiles.hpp"

namespace mgres {

namespace {

/// Blocks of a tile.
constexpr int kTileBlocks = 2;

template <class S, int R, int N>
MGRES_ALWAYS_INLINE void add_factor(const Factor<S>& factor, Index first, Index columns,
                                    Index block, Pack<S> (&sum)[R][N]) {
  const Index size = columns * kLanes<S>;
  add_product<S, R, N>(factor.matrix + first * factor.row_stride, factor.row_stride,
                       factor.column_stride, columns, factor.x + block * size, size, sum);
}

/// R rows, from `first`, of N blocks, from `block`.
template <class S, int R, int N, bool two>
MGRES_ALWAYS_INLINE void multiply_tile(Index rows, Index columns, Index first, Index block,
                                       Start<S> start, const Factor<S>& one, const Factor<S>& other,
                                       S* out) {
  constexpr int L = kLanes<S>;
  const Index at = (block * rows + first) * L;
  out += at;
  Pack<S> sum[R][N] = {};
  if (start.bias != nullptr) {
#pragma GCC unroll 32
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) sum[i][n] = broadcast(start.bias[first + i]);
  }
  if (start.from != nullptr) {
#pragma GCC unroll 32
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) sum[i][n] += load(start.from + at + (n * rows + i) * L);
  }
  add_factor<S, R, N>(one, first, columns, block, sum);
  if constexpr (two) add_factor<S, R, N>(other, first, columns, block, sum);
#pragma GCC unroll 32
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) store(out + (n * rows + i) * L, sum[i][n]);
}

template <class S, bool two>
void multiply_all(Index rows, Index columns, Index blocks, Start<S> start, const Factor<S>& one,
                  const Factor<S>& other, S* out) {
  for_each_tile<kTileRows>(rows, [&](Index first, auto R) {
    Index b = 0;
    for (; b + kTileBlocks <= blocks; b += kTileBlocks)
      multiply_tile<S, R, kTileBlocks, two>(rows, columns, first, b, start, one, other, out);
    for (; b < blocks; ++b)
      multiply_tile<S, R, 1, two>(rows, columns, first, b, start, one, other, out);
  });
}

}  // namespace

template <class S>
void multiply(Index rows, Index columns, Index blocks, Start<S> start, const Factor<S>& first,
              const Factor<S>& second, S* out) {
  if (second.matrix != nullptr)
    multiply_all<S, true>(rows, columns, blocks, start, first, second, out);
  else
    multiply_all<S, false>(rows, columns, blocks, start, first, second, out);
}

template <class S>
void add_outer(Index rows, Index columns, Index blocks, const S* s, const S* y, S* weights,
               S* scratch) {
  constexpr int L = kLanes<S>;
  const Index vectors = columns / L;
  const Index whole = vectors * L, rest = columns - whole;
  if (vectors > 0) {
    transpose_features(columns, blocks, y, vectors, scratch);
    add_outer_by_samples<S>(rows, whole, s, rows * L, scratch, whole, blocks * L, weights, columns);
  }
  if (rest == 0) return;
  Pack<S>* sums = reinterpret_cast<Pack<S>*>(scratch);
  for_each_tile<kOuterRows>(rows, [&](Index r, auto R) {
    for_each_tile<kOuterColumns>(rest, [&](Index c, auto C) {
      const LaneSums<S> to{sums + r * rest + c, rest, nullptr, 0};
      outer_lanes<S, R, C, false>(s + r * L, rows * L, y + (whole + c) * L, columns * L, blocks,
                                  to);
    });
  });
  if (vectors == 0)
    add_lane_sums<S>(sums, rows * rest, weights);
  else
    for (Index r = 0; r < rows; ++r)
      add_lane_sums<S>(sums + r * rest, rest, weights + r * columns + whole);
}

template <class S>
void add_sums(Index rows, Index blocks, const S* s, S* bias, S* scratch, S factor) {
  constexpr int L = kLanes<S>;
  // by blocks, as they lie in memory: with rows outermost most of the time goes into waiting for it
  for (Index r = 0; r < rows; ++r) store(scratch + r * L, factor * load(s + r * L));
  for (Index b = 1; b < blocks; ++b)
    for (Index r = 0; r < rows; ++r)
      store(scratch + r * L, load(scratch + r * L) + factor * load(s + (b * rows + r) * L));
  add_lane_sums<S>(reinterpret_cast<Pack<S>*>(scratch), rows, bias);
}

template <class S>
Index outer_scratch(Index rows, Index columns, Index blocks) {
  constexpr int L = kLanes<S>;
  const Index whole = columns / L * L;
  return std::max({blocks * L * whole, rows * (columns - whole) * L, rows * L});
}

#define MGRES_INSTANTIATE(S)                                                                   \
  template void multiply<S>(Index, Index, Index, Start<S>, const Factor<S>&, const Factor<S>&, \
                            S*);                                                               \
  template void add_outer<S>(Index, Index, Index, const S*, const S*, S*, S*);                 \
  template void add_sums<S>(Index, Index, const S*, S*, S*, S);                                \
  template Index outer_scratch<S>(Index, Index, Index);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
