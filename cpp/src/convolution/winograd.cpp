// Convolutions by 3x3 kernels with fewer multiplications (Winograd; Lavin and Gray, 2016,
// arXiv:1509.09308): squares of 2x2 pixels of the result from squares of 4x4 pixels d,
//
//   A^T [sum over channels of (G W G^T) .* (B^T d B)] A,
//
// with 16 multiplications where four sums of nine products have 36.  The entries of A, B and G are
// 0, 1, -1 and 1/2, so that rounding errors hardly grow.
#include "winograd.hpp"

#include "mgres/tiles.hpp"

namespace mgres::detail {

namespace {

constexpr int kTileChannels = 4;
constexpr int kTileSquares = kManyRegisters ? 6 : 3;

/// G times a row of R filters.
template <class S, int R>
MGRES_ALWAYS_INLINE void transform_filter(const S* a, const S* b, const S* c, S* out,
                                          Index stride) {
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
    out[r] = a[r];
    out[stride + r] = (a[r] + b[r] + c[r]) / 2;
    out[2 * stride + r] = (a[r] - b[r] + c[r]) / 2;
    out[3 * stride + r] = c[r];
  }
}

/// G W G^T for each pair of channels, in the order in which the tiles use them: number of 16, out
/// channels by tiles, in channels, and then the channels of the tile.
template <class S>
void transform_filters(const Map& map, const Applied<S>* factors, int count, S* to, Index number) {
  for (Index group = 0; group < map.groups; ++group)
    for_each_tile<kTileChannels>(map.outputs, [&](Index first, auto R) {
      for (int f = 0; f < count; ++f)
        for (Index c = 0; c < map.inputs; ++c, to += R) {
          const S* w = factors[f].weights + map.origin + group * map.group_stride +
                       first * map.output_stride + c * map.input_stride;
          S W[3][3][R], columns[4][3][R];  // columns = G W
          for (int k = 0; k < 3; ++k)
            for (int l = 0; l < 3; ++l)
              for (int r = 0; r < R; ++r)
                W[k][l][r] = w[r * map.output_stride + k * map.row_stride + l * map.column_stride];
          for (int l = 0; l < 3; ++l)
            transform_filter<S, R>(W[0][l], W[1][l], W[2][l], columns[0][l], 3 * R);
          for (int k = 0; k < 4; ++k)
            transform_filter<S, R>(columns[k][0], columns[k][1], columns[k][2], to + 4 * k * number,
                                   number);
        }
    });
}

/// B^T d B for the squares whose rows begin at the four pointers, two columns apart.
template <class S>
void transform_pixels(Index squares, const S* const* rows, Index first, S* to, Index number) {
  constexpr int L = kLanes<S>;
  for (Index t = 0; t < squares; ++t, first += 2 * L, to += L) {
    Pack<S> z[4][4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const S* d = rows[i] + first;
      const Pack<S> a = load(d), b = load(d + L), c = load(d + 2 * L), e = load(d + 3 * L);
      z[i][0] = a - c;
      z[i][1] = b + c;
      z[i][2] = c - b;
      z[i][3] = b - e;
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      store(to + j * number, z[0][j] - z[2][j]);
      store(to + (4 + j) * number, z[1][j] + z[2][j]);
      store(to + (8 + j) * number, z[2][j] - z[1][j]);
      store(to + (12 + j) * number, z[1][j] - z[3][j]);
    }
  }
}

/// m_rp = sum over channels c of u_cr v_cp for R out channels and P squares.
template <class S, int R, int P>
__attribute__((noinline)) void multiply_squares(Index channels, const S* u, const S* v,
                                                Index stride, S* m) {
  constexpr int L = kLanes<S>;
  Pack<S> sum[R][P] = {};
#pragma GCC unroll 1
  for (Index c = 0; c < channels; ++c, v += stride, u += R) {
    Pack<S> vp[P];
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) {
      vp[p] = load(v + p * L);
      hold<S>(vp[p]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      Pack<S> factor = broadcast(u[r]);
      hold<S>(factor);
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) sum[r][p] += factor * vp[p];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) store(m + r * stride + p * L, sum[r][p]);
}

/// One out channel of a row of squares, to one or two rows of pixels: start + A^T m A.
template <class S>
void transform_sums(const Map& map, Index row, const S* m, Index number, const S* bias,
                    const S* from, S* out) {
  constexpr int L = kLanes<S>;
  const Pack<S> start = bias != nullptr ? broadcast(*bias) : Pack<S>{};
  for (Index t = 0; t < map.squares(); ++t, m += L) {
    Pack<S> y[2][4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const Pack<S> a = load(m + j * number), b = load(m + (4 + j) * number);
      const Pack<S> c = load(m + (8 + j) * number), e = load(m + (12 + j) * number);
      y[0][j] = a + b + c;
      y[1][j] = b - c - e;
    }
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      if (row + i >= map.height) continue;
      const Pack<S> z[2] = {start + y[i][0] + y[i][1] + y[i][2],
                            start + y[i][1] - y[i][2] - y[i][3]};
#pragma GCC unroll 2
      for (int j = 0; j < 2; ++j) {
        if (2 * t + j >= map.width) continue;
        const Index at = ((row + i) * map.width + 2 * t + j) * L;
        store(out + at, from != nullptr ? load(from + at) + z[j] : z[j]);
      }
    }
  }
}

}  // namespace

template <class S>
void multiply_by_squares(const Map& map, Index blocks, Start<S> start, const Applied<S>* factors,
                         int count, S* out, S* scratch) {
  constexpr int L = kLanes<S>;
  const SquaresScratch<S> at(map, scratch);
  const Index T = map.squares(), inputs = map.inputs * count;
  const Index image = map.height * map.width * L;
  transform_filters(map, factors, count, at.filters, at.filters_number);
  std::fill_n(at.zeros, (map.padded_width + 1) * L, S(0));
  for (Index b = 0; b < blocks; ++b) {
    const S* x[2];
    for (int f = 0; f < count; ++f)
      x[f] = pad(map, factors[f].x + b * map.groups * map.inputs * image, at.padded[f]);
    for (Index group = 0; group < map.groups; ++group)
      for (Index row = 0; row < map.height; row += 2) {
        for (Index c = 0; c < inputs; ++c) {
          const S* channel =
              x[c / map.inputs] + (group * map.inputs + c % map.inputs) * map.padded_channel * L;
          const S* rows[4];
          for (Index k = 0; k < 4; ++k) {
            const bool there = map.periodic || (row + k >= 1 && row + k <= map.height);
            rows[k] = there ? channel + map.under(row, k) * map.padded_width * L : at.zeros;
          }
          transform_pixels(T, rows, 0, at.pixels + c * T * L, at.pixels_number);
        }
        for (Index i = 0; i < 16; ++i)
          for_each_tile<kTileSquares>(T, [&](Index square, auto P) {
            for_each_tile<kTileChannels>(map.outputs, [&](Index first, auto R) {
              multiply_squares<S, R, P>(
                  inputs,
                  at.filters + i * at.filters_number + (group * map.outputs + first) * inputs,
                  at.pixels + i * at.pixels_number + square * L, T * L,
                  at.sums + i * at.sums_number + (first * T + square) * L);
            });
          });
        for (Index o = 0; o < map.outputs; ++o) {
          const Index channel = group * map.outputs + o;
          const Index to = (b * map.groups * map.outputs + channel) * image;
          transform_sums(map, row, at.sums + o * T * L, at.sums_number,
                         start.bias != nullptr ? start.bias + channel : nullptr,
                         start.from != nullptr ? start.from + to : nullptr, out + to);
        }
      }
  }
}

#define MGRES_INSTANTIATE(S) \
  template void multiply_by_squares<S>(const Map&, Index, Start<S>, const Applied<S>*, int, S*, S*);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres::detail
