/// Products of a small matrix with blocks of samples: the loops that cost the time.
///
/// A block is kLanes samples, stored feature by feature with the samples innermost, so that one
/// vector holds one feature of all of them:  x[feature * kLanes + sample].
#pragma once

#include <type_traits>

#include "mgres/simd.hpp"

namespace mgres {

inline constexpr bool kManyRegisters = kVectorRegisters == 32;

/// Rows of a tile whose sums stay in registers, for two vectors of columns or blocks.
inline constexpr int kTileRows = kManyRegisters ? 12 : 6;

/// A width that is known to the compiler, or (0) only at run time.
template <int V>
struct Width {
  explicit Width(Index) {}
  operator Index() const { return V; }
};
template <>
struct Width<0> {
  explicit Width(Index width) : value(width) {}
  operator Index() const { return value; }
  Index value;
};

/// Call f(std::integral_constant<int, n>) for an n in 1 ... largest known only at run time.
template <int largest, class F>
inline void with_constant(Index n, const F& f) {
  if constexpr (largest > 1)
    if (n < largest) return with_constant<largest - 1>(n, f);
  f(std::integral_constant<int, largest>());
}

/// Cut rows into the fewest tiles of at most `largest` rows, as equal as possible, and call
/// f(first row, std::integral_constant<int, rows of the tile>) for each.
template <int largest, class F>
inline void for_each_tile(Index rows, const F& f) {
  Index tiles = ceil_div(rows, Index{largest});
  for (Index first = 0; first < rows; --tiles) {
    const Index size = ceil_div(rows - first, tiles);
    with_constant<largest>(size, [&](auto R) { f(first, R); });
    first += size;
  }
}

/// sum_in += sum_j A_ij x_j for R rows i of A and N blocks n.
///
/// A_ij = a[i * row_stride + j * column_stride];  block n starts at x + n * x_stride.
/// `input(n, j, x_nj)` may change x_nj between load and use.
template <class S, int R, int N, class Columns, class Input>
MGRES_ALWAYS_INLINE void add_product(const S* a, Index row_stride, Index column_stride,
                                     Columns columns, const S* x, Index x_stride,
                                     Pack<S> (&sum)[R][N], const Input& input) {
  constexpr int L = kLanes<S>;
  const Index count = columns;
#pragma GCC unroll 2  // unrolled any further, GCC spills the sums
  for (Index j = 0; j < count; ++j) {
    Pack<S> xj[N];
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) xj[n] = input(n, j, load(x + n * x_stride + j * L));
#pragma GCC unroll 32
    for (int i = 0; i < R; ++i) {
      const Pack<S> factor = broadcast(a[i * row_stride + j * column_stride]);
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) sum[i][n] += factor * xj[n];
    }
  }
}

template <class S, int R, int N, class Columns>
MGRES_ALWAYS_INLINE void add_product(const S* a, Index row_stride, Index column_stride,
                                     Columns columns, const S* x, Index x_stride,
                                     Pack<S> (&sum)[R][N]) {
  add_product<S, R, N>(a, row_stride, column_stride, columns, x, x_stride, sum,
                       [](int, Index, const Pack<S>& xj) { return xj; });
}

/// Rows and columns of a tile of dW.
inline constexpr int kOuterRows = kManyRegisters ? 5 : 3;
inline constexpr int kOuterColumns = kManyRegisters ? 4 : 3;

/// Up to this width dW is summed lane by lane; wider layers transpose y instead.
inline constexpr int kLargestLaneWidth = 16;

/// Where sums over the blocks go that are still to be taken over the lanes.
template <class S>
struct LaneSums {
  Pack<S>* weights;  // of s_r y_c to weights[r * weights_stride + c]
  Index weights_stride;
  Pack<S>* bias;  // of s_r to bias[r * bias_stride]
  Index bias_stride;
};

/// Sum s_r y_c over all blocks, lane by lane, for R rows and C columns; with `bias` s_r as well.
template <class S, int R, int C, bool bias>
void outer_lanes(const S* s, Index s_stride, const S* y, Index y_stride, Index blocks,
                 const LaneSums<S>& to) {
  constexpr int L = kLanes<S>;
  Pack<S> sum[R][C + bias] = {};
#pragma GCC unroll 1
  for (Index b = 0; b < blocks; ++b, s += s_stride, y += y_stride) {
    Pack<S> sr[R];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      sr[r] = load(s + r * L);
      hold<S>(sr[r]);
    }
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) {
      Pack<S> yc = load(y + c * L);
      hold<S>(yc);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) sum[r][c] += sr[r] * yc;
    }
    if constexpr (bias)
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) sum[r][C] += sr[r];
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) to.weights[r * to.weights_stride + c] = sum[r][c];
    if constexpr (bias) to.bias[r * to.bias_stride] = sum[r][C];
  }
}

/// g[r * g_stride + c] += sum over samples n of s_r(n) y[n * y_stride + c], for R rows and C vectors
/// of columns.  s consists of blocks, y holds the features of a sample next to each other.
template <class S, int R, int C>
inline void outer_samples(const S* s, Index s_stride, const S* y, Index y_stride, Index samples,
                          S* g, Index g_stride) {
  constexpr int L = kLanes<S>;
  Pack<S> sum[R][C];
#pragma GCC unroll 32
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int c = 0; c < C; ++c) sum[r][c] = load(g + r * g_stride + c * L);
  for (Index left = samples; left > 0; left -= L, s += s_stride) {
    const Index here = left < L ? left : L;
#pragma GCC unroll 2
    for (Index n = 0; n < here; ++n, y += y_stride) {
      Pack<S> yn[C];
#pragma GCC unroll 2
      for (int c = 0; c < C; ++c) yn[c] = load(y + c * L);
#pragma GCC unroll 32
      for (int r = 0; r < R; ++r) {
        const Pack<S> factor = broadcast(s[r * L + n]);
#pragma GCC unroll 2
        for (int c = 0; c < C; ++c) sum[r][c] += factor * yn[c];
      }
    }
  }
#pragma GCC unroll 32
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int c = 0; c < C; ++c) store(g + r * g_stride + c * L, sum[r][c]);
}

/// out[i] += sum over the lanes of v[i], for `count` vectors v.
template <class S>
inline void add_lane_sums(const Pack<S>* v, Index count, S* out) {
  constexpr int L = kLanes<S>;
  Index i = 0;
  for (; i + L <= count; i += L) store(out + i, load(out + i) + sum_lanes<S>(v + i));
  if (i == count) return;
  if (i > 0) {
    // the last L vectors once more, with zero for those that are done
    const Index last = count - L;
    Pack<S> sums = sum_lanes<S>(v + last);
    for (int l = 0; l < L; ++l) sums[l] = l < i - last ? S(0) : sums[l];
    store(out + last, load(out + last) + sums);
    return;
  }
  Pack<S> padded[L] = {};
  for (int l = 0; l < L && l < count; ++l) padded[l] = v[l];
  const Pack<S> sums = sum_lanes<S>(padded);
  for (int l = 0; l < L && l < count; ++l) out[l] += sums[l];
}

/// The features of the first `count` vectors, samples outermost: out[sample * count * kLanes + i].
template <class S>
inline void transpose_features(Index width, Index blocks, const S* y, Index count, S* out) {
  constexpr int L = kLanes<S>;
  const Index stride = count * L;
  for (Index b = 0; b < blocks; ++b, y += width * L, out += L * stride)
    for (Index c = 0; c < count; ++c) {
      Pack<S> tile[L];
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i) tile[i] = load(y + (c * L + i) * L);
      transpose<S>(tile);
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i) store(out + i * stride + c * L, tile[i]);
    }
}

/// g[r * g_stride + c] += sum over samples of s_r y_c for all rows and whole vectors of columns; s in
/// blocks, y with the features of a sample next to each other.
template <class S>
inline void add_outer_by_samples(Index rows, Index columns, const S* s, Index s_stride, const S* y,
                                 Index y_stride, Index samples, S* g, Index g_stride) {
  constexpr int L = kLanes<S>;
  for (Index c = 0; c < columns; c += 2 * L)
    for_each_tile<kTileRows>(rows, [&](Index r, auto R) {
      S* to = g + r * g_stride + c;
      if (c + L < columns)
        outer_samples<S, R, 2>(s + r * L, s_stride, y + c, y_stride, samples, to, g_stride);
      else
        outer_samples<S, R, 1>(s + r * L, s_stride, y + c, y_stride, samples, to, g_stride);
    });
}

/// The same for a few columns, with s and y both in blocks.
template <class S>
inline void add_outer_by_lanes(Index rows, Index columns, const S* s, Index s_stride, const S* y,
                               Index y_stride, Index blocks, S* g, Index g_stride) {
  constexpr int L = kLanes<S>;
  for (Index r = 0; r < rows; ++r)
    for_each_tile<4>(columns, [&](Index c, auto C) {
      Pack<S> sums[C];
      outer_lanes<S, 1, C, false>(s + r * L, s_stride, y + c * L, y_stride, blocks,
                                  {sums, C, sums, 1});
      add_lane_sums<S>(sums, C, g + r * g_stride + c);
    });
}

}  // namespace mgres
