/// Products of a small matrix of scalars with blocks of samples: the two loops that cost the time.
///
/// A "column" below is NV neighbouring vectors: one feature of one block of NV * kLanes samples.
#pragma once

#include "mgres/simd.hpp"

namespace mgres {

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

/// sum_i += sum_j A_ij x_j for R rows i; A_ij = a[i * row_stride + j * column_stride].
template <class S, int R, int NV>
inline void add_product(const S* a, Index row_stride, Index column_stride, Index columns,
                        const S* x, Pack<S> (&sum)[R][NV]) {
  constexpr int L = kLanes<S>;
#pragma GCC unroll 1  // GCC would spill the sums
  for (Index j = 0; j < columns; ++j) {
    Pack<S> xj[NV];
#pragma GCC unroll 4
    for (int n = 0; n < NV; ++n) xj[n] = load(x + (j * NV + n) * L);
#pragma GCC unroll 32
    for (int i = 0; i < R; ++i) {
      const Pack<S> factor = broadcast(a[i * row_stride + j * column_stride]);
#pragma GCC unroll 4
      for (int n = 0; n < NV; ++n) sum[i][n] += factor * xj[n];
    }
  }
}

/// z += A x for R rows of one block.
template <class S, int R, int NV>
inline void multiply_tile(const S* a, Index row_stride, Index column_stride, Index columns,
                          const S* x, S* z) {
  constexpr int L = kLanes<S>;
  Pack<S> sum[R][NV];
#pragma GCC unroll 32
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
    for (int n = 0; n < NV; ++n) sum[i][n] = load(z + (i * NV + n) * L);
  add_product<S, R, NV>(a, row_stride, column_stride, columns, x, sum);
#pragma GCC unroll 32
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 4
    for (int n = 0; n < NV; ++n) store(z + (i * NV + n) * L, sum[i][n]);
}

/// z += A x for one block: tiles of R rows, then the remainder in smaller tiles.
template <class S, int R, int NV, class Rows, class Columns>
inline void multiply(const S* a, Index row_stride, Index column_stride, Rows rows, Columns columns,
                     const S* x, S* z, Index first = 0) {
  Index i = first;
  for (; i + R <= rows; i += R)
    multiply_tile<S, R, NV>(a + i * row_stride, row_stride, column_stride, columns, x,
                            z + i * NV * kLanes<S>);
  if constexpr (R > 1)
    if (i < rows) multiply<S, R - 1, NV>(a, row_stride, column_stride, rows, columns, x, z, i);
}

/// sums[r * sums_stride + c] = sum over blocks of s_r y_c, lane by lane, for R rows and C columns.
template <class S, int R, int C, int NV>
inline void outer_tile(const S* s, Index s_stride, const S* y, Index y_stride, Index blocks,
                       S* sums, Index sums_stride) {
  constexpr int L = kLanes<S>;
  Pack<S> sum[R][C] = {};
  for (Index b = 0; b < blocks; ++b, s += s_stride, y += y_stride)
#pragma GCC unroll 4
    for (int n = 0; n < NV; ++n) {
      Pack<S> sr[R];
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) sr[r] = load(s + (r * NV + n) * L);
#pragma GCC unroll 32
      for (int c = 0; c < C; ++c) {
        const Pack<S> yc = load(y + (c * NV + n) * L);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) sum[r][c] += sr[r] * yc;
      }
    }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 32
    for (int c = 0; c < C; ++c) store(sums + (r * sums_stride + c) * L, sum[r][c]);
}

template <class S, int R, int C, int NV>
inline void outer_columns(const S* s, Index s_stride, const S* y, Index y_stride, Index columns,
                          Index blocks, S* sums, Index first = 0) {
  constexpr int L = kLanes<S>;
  Index c = first;
  for (; c + C <= columns; c += C)
    outer_tile<S, R, C, NV>(s, s_stride, y + c * NV * L, y_stride, blocks, sums + c * L, columns);
  if constexpr (C > 1)
    if (c < columns)
      outer_columns<S, R, C - 1, NV>(s, s_stride, y, y_stride, columns, blocks, sums, c);
}

/// out[i] += sum over the lanes of v[i], for `count` vectors v.
template <class S>
inline void add_lane_sums(const S* v, Index count, S* out) {
  constexpr int L = kLanes<S>;
  Pack<S> group[L];
  Index i = 0;
  for (; i + L <= count; i += L) {
#pragma GCC unroll 16
    for (int l = 0; l < L; ++l) group[l] = load(v + (i + l) * L);
    store(out + i, load(out + i) + sum_lanes<S>(group));
  }
  if (i == count) return;
  for (int l = 0; l < L; ++l) group[l] = i + l < count ? load(v + (i + l) * L) : Pack<S>{};
  S sums[L];
  store(sums, sum_lanes<S>(group));
  for (int l = 0; i + l < count; ++l) out[i + l] += sums[l];
}

/// gradient[r][c] += sum over all samples of s_r y_c; bias[r] += sum over all samples of s_r.
/// `scratch` has room for R * columns + R vectors.
template <class S, int R, int C, int NV, class Rows, class Columns>
inline void accumulate_outer(const S* s, Rows rows, const S* y, Columns columns, Index blocks,
                             S* gradient, S* bias, S* scratch, Index first = 0) {
  constexpr int L = kLanes<S>;
  const Index s_stride = rows * NV * L;
  const Index y_stride = columns * NV * L;
  Index r = first;
  for (; r + R <= rows; r += R) {
    const S* s_rows = s + r * NV * L;
    outer_columns<S, R, C, NV>(s_rows, s_stride, y, y_stride, columns, blocks, scratch);
    add_lane_sums<S>(scratch, R * columns, gradient + r * columns);
    Pack<S> sum[R] = {};
    for (Index b = 0; b < blocks; ++b)
      for (int i = 0; i < R; ++i)
        for (int n = 0; n < NV; ++n) sum[i] += load(s_rows + b * s_stride + (i * NV + n) * L);
    for (int i = 0; i < R; ++i) store(scratch + i * L, sum[i]);
    add_lane_sums<S>(scratch, R, bias + r);
  }
  if constexpr (R > 1)
    if (r < rows)
      accumulate_outer<S, R - 1, C, NV>(s, rows, y, columns, blocks, gradient, bias, scratch, r);
}

/// How many vectors a block has and how many rows are computed at once, so that all sums stay in
/// registers.
template <int V>
struct Tiling {
  static constexpr int free = kVectorRegisters - 1;
  static constexpr bool fits = V > 0 && V + 2 <= free;
  static constexpr int vectors = !fits ? 2 : 5 * V + 4 <= free ? 4 : 2 * V + 3 <= free ? 2 : 1;
  static constexpr int rows = fits ? V : kVectorRegisters == 32 ? 12 : 6;
  static constexpr bool outer_fits = V > 0 && V + 3 <= free;
  static constexpr int outer_columns = outer_fits ? V : kVectorRegisters == 32 ? 6 : 4;
  static constexpr int outer_rows_free = (free - 2) / (outer_columns + 1);
  static constexpr int outer_rows = V > 0 && V < outer_rows_free ? V : outer_rows_free;
};

}  // namespace mgres
