// The derivatives by the weights and the biases.
#include <algorithm>

#include "map.hpp"
#include "mgres/tiles.hpp"

namespace mgres {

namespace {

using namespace detail;

/// Out channels and taps of a tile of dW.
constexpr int kOuterChannels = 4;
constexpr int kOuterTaps = kManyRegisters ? 6 : 3;

/// Neighbouring pixels where a group has a single out channel.
constexpr int kLonePixels = kManyRegisters ? 4 : 3;

/// C taps of one row of a kernel: where they find their pixels, and their numbers in the kernel.
template <int C>
struct Taps {
  Index kernel_row;
  Index pixel[C];
  Index number[C];
};

/// sums[r * map.taps() + tap] += s_r x_tap for R out channels and C taps, over all pixels of a block.
template <class S, int R, int C>
__attribute__((noinline)) void outer_tile(const Map& map, const Taps<C>& taps, const S* s,
                                          const S* x, Pack<S>* sums) {
  constexpr int L = kLanes<S>;
  const Index channel = map.height * map.width * L;
  Pack<S> sum[R][C];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) sum[r][c] = sums[r * map.taps() + taps.number[c]];
  const Index k = taps.kernel_row;
  for (Index i = map.first_row_under(k); i < map.last_row_under(k); ++i) {
    const S* si = s + i * map.width * L;
    const S* xi = x + map.under(i, k) * map.padded_width * L;
#pragma GCC unroll 1
    for (Index j = 0; j < map.width; ++j, si += L, xi += L) {
      Pack<S> xc[C];
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) {
        xc[c] = load(xi + taps.pixel[c]);
        hold<S>(xc[c]);
      }
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        Pack<S> sr = load(si + r * channel);
        hold<S>(sr);
#pragma GCC unroll 8
        for (int c = 0; c < C; ++c) sum[r][c] += sr * xc[c];
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) sums[r * map.taps() + taps.number[c]] = sum[r][c];
}

/// sums[l] += s x_l for a single out channel and the three columns of row k of its kernel.  Neighbouring
/// pixels share what they load, and have sums of their own that do not wait for each other.
template <class S>
__attribute__((noinline)) void outer_three_columns(const Map& map, Index k, const S* s, const S* x,
                                                   Pack<S>* sums) {
  constexpr int L = kLanes<S>;
  constexpr int P = kLonePixels;
  Pack<S> sum[P][3] = {};
  for (Index i = map.first_row_under(k); i < map.last_row_under(k); ++i) {
    const S* si = s + i * map.width * L;
    const S* xi = x + map.under(i, k) * map.padded_width * L;
    Index j = 0;
#pragma GCC unroll 1
    for (; j + P <= map.width; j += P, si += P * L, xi += P * L) {
      Pack<S> sp[P];
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        sp[p] = load(si + p * L);
        hold<S>(sp[p]);
      }
#pragma GCC unroll 8
      for (int q = 0; q < P + 2; ++q) {
        Pack<S> xq = load(xi + q * L);
        hold<S>(xq);
#pragma GCC unroll 3
        for (int l = 0; l < 3; ++l)
          if (q - l >= 0 && q - l < P) sum[q - l][l] += sp[q - l] * xq;
      }
    }
    for (; j < map.width; ++j, si += L, xi += L)
#pragma GCC unroll 3
      for (int l = 0; l < 3; ++l) sum[0][l] += load(si) * load(xi + l * L);
  }
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 3
    for (int l = 0; l < 3; ++l) sums[l] += sum[p][l];
}

/// All taps of R out channels of a block.
template <class S, int R>
void outer_channels(const Map& map, const S* s, const S* x, Pack<S>* sums) {
  if constexpr (R == 1)
    if (map.columns == 3) {
      for (Index c = 0; c < map.inputs; ++c)
        for (Index k = 0; k < map.rows; ++k)
          outer_three_columns(map, k, s, x + c * map.padded_channel * kLanes<S>,
                              sums + (c * map.rows + k) * 3);
      return;
    }
  for (Index k = 0; k < map.rows; ++k)
    for_each_tile<kOuterTaps>(map.inputs * map.columns, [&](Index first, auto C) {
      Taps<C> taps;
      taps.kernel_row = k;
      for (int i = 0; i < C; ++i) {
        const Index c = (first + i) / map.columns, l = (first + i) % map.columns;
        taps.pixel[i] = (c * map.padded_channel + l) * kLanes<S>;
        taps.number[i] = (c * map.rows + k) * map.columns + l;
      }
      outer_tile<S, R, C>(map, taps, s, x, sums);
    });
}

}  // namespace

template <class S>
void add_outer(const ConvolutionShape& shape, Index blocks, const S* s, const S* x, S* weights,
               S* scratch) {
  constexpr int L = kLanes<S>;
  const Map map(shape, false);
  const OuterScratch<S> at(map, scratch);
  std::fill_n(at.sums, map.weights(), Pack<S>{});
  const Index channel = map.height * map.width * L;
  for (Index b = 0; b < blocks; ++b) {
    const S* padded = pad(map, x + b * shape.inputs() * L, at.padded);
    for (Index group = 0; group < map.groups; ++group)
      for_each_tile<kOuterChannels>(map.outputs, [&](Index first, auto R) {
        const Index o = group * map.outputs + first;
        outer_channels<S, R>(map, s + (b * shape.out_channels + o) * channel,
                             padded + group * map.inputs * map.padded_channel * L,
                             at.sums + o * map.taps());
      });
  }
  add_lane_sums<S>(at.sums, map.weights(), weights);
}

template <class S>
void add_channel_sums(Index channels, Index pixels, Index blocks, const S* s, S* bias, S* scratch,
                      S factor) {
  constexpr int L = kLanes<S>;
  if (pixels == 1) return add_sums(channels, blocks, s, bias, scratch, factor);
  auto* sums = reinterpret_cast<Pack<S>*>(scratch);
  for (Index c = 0; c < channels; ++c) {
    Pack<S> sum[4] = {};  // an addition takes as long as four of them
    for (Index b = 0; b < blocks; ++b) {
      const S* from = s + (b * channels + c) * pixels * L;
      Index i = 0;
      for (; i + 4 <= pixels; i += 4)
#pragma GCC unroll 4
        for (int n = 0; n < 4; ++n) sum[n] += load(from + (i + n) * L);
      for (; i < pixels; ++i) sum[0] += load(from + i * L);
    }
    sums[c] = factor * ((sum[0] + sum[1]) + (sum[2] + sum[3]));
  }
  add_lane_sums<S>(sums, channels, bias);
}

#define MGRES_INSTANTIATE(S)                                                              \
  template void add_outer<S>(const ConvolutionShape&, Index, const S*, const S*, S*, S*); \
  template void add_channel_sums<S>(Index, Index, Index, const S*, S*, S*, S);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
