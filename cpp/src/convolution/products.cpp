// W * x and its transpose.
#include "map.hpp"
#include "mgres/tiles.hpp"
#include "winograd.hpp"

namespace mgres {

namespace {

using namespace detail;

/// Out channels and neighbouring pixels of a tile whose sums stay in registers.
constexpr int kTileChannels = 4;
constexpr int kTilePixels = kManyRegisters ? 6 : 3;

/// The pixels where a group has a single out channel.
constexpr int kLonePixels = 8;

/// The weights in the order in which the tiles use them: kernel row, in channel, kernel column, and
/// then the channels of the tile.
template <class S>
void pack(const Map& map, const S* weights, S* to) {
  for (Index group = 0; group < map.groups; ++group)
    for_each_tile<kTileChannels>(map.outputs, [&](Index first, auto R) {
      const S* tile = weights + map.origin + group * map.group_stride + first * map.output_stride;
      for (Index k = 0; k < map.rows; ++k)
        for (Index c = 0; c < map.inputs; ++c)
          for (Index l = 0; l < map.columns; ++l) {
            const S* from =
                tile + c * map.input_stride + k * map.row_stride + l * map.column_stride;
            for (int r = 0; r < R; ++r) *to++ = from[r * map.output_stride];
          }
    });
}

/// The padded images of a group, from the first column of a strip on, and the packed weights of a tile.
template <class S>
struct Operand {
  const S* x;
  const S* weights;
};

/// Make the compiler forget what it knows about where a pointer points.
template <class S>
MGRES_ALWAYS_INLINE void hold_address(const S*& pointer) {
  asm("" : "+r"(pointer));
}

/// sum += the products with one row of the kernel.
template <class S, int R, int P>
MGRES_ALWAYS_INLINE void add_kernel_row(const Map& map, const S* x, const S* weights,
                                        Pack<S> (&sum)[R][P]) {
  constexpr int L = kLanes<S>;
#pragma GCC unroll 1
  for (Index c = 0; c < map.inputs; ++c, x += map.padded_channel * L) {
    const S* xl = x;
#pragma GCC unroll 1
    for (Index l = 0; l < map.columns; ++l, xl += L, weights += R) {
      // GCC must not see that a pixel was loaded for the last tap: it would keep it, and spill sums.
      hold_address(xl);
      Pack<S> xp[P];
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        xp[p] = load(xl + p * L);
        hold<S>(xp[p]);
      }
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        Pack<S> factor = broadcast(weights[r]);
        hold<S>(factor);
#pragma GCC unroll 8
        for (int p = 0; p < P; ++p) sum[r][p] += factor * xp[p];
      }
    }
  }
}

/// The same for a single channel, whose three columns share their pixels.
template <class S, int P>
MGRES_ALWAYS_INLINE void add_three_columns(const Map& map, const S* x, const S* weights,
                                           Pack<S> (&sum)[1][P]) {
  constexpr int L = kLanes<S>;
#pragma GCC unroll 1
  for (Index c = 0; c < map.inputs; ++c, x += map.padded_channel * L, weights += 3) {
    Pack<S> w[3];
#pragma GCC unroll 3
    for (int l = 0; l < 3; ++l) {
      w[l] = broadcast(weights[l]);
      hold<S>(w[l]);
    }
#pragma GCC unroll 16
    for (int j = 0; j < P + 2; ++j) {
      Pack<S> xj = load(x + j * L);
      hold<S>(xj);
#pragma GCC unroll 3
      for (int l = 0; l < 3; ++l)
        if (j - l >= 0 && j - l < P) sum[0][j - l] += w[l] * xj;
    }
  }
}

/// R out channels of P neighbouring columns, all rows.  Not inlined, where it would run out of
/// registers.
template <class S, int R, int P>
__attribute__((noinline)) void multiply_strip(const Map& map, const S* bias, const S* from,
                                              const Operand<S>* operands, int count, S* out) {
  constexpr int L = kLanes<S>;
  const Index row = map.width * L, channel = map.height * row;
  const Index kernel_row = map.inputs * map.columns * R;
  for (Index i = 0; i < map.height; ++i) {
    Pack<S> sum[R][P] = {};
    if (bias != nullptr) {
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int p = 0; p < P; ++p) sum[r][p] = broadcast(bias[r]);
    }
    if (from != nullptr) {
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
        for (int p = 0; p < P; ++p) sum[r][p] += load(from + r * channel + i * row + p * L);
    }
    for (int f = 0; f < count; ++f)
      for (Index k = map.first_row(i); k < map.last_row(i); ++k) {
        const S* x = operands[f].x + map.under(i, k) * map.padded_width * L;
        const S* weights = operands[f].weights + k * kernel_row;
        if constexpr (R == 1)
          if (map.columns == 3) {
            add_three_columns<S, P>(map, x, weights, sum);
            continue;
          }
        add_kernel_row<S, R, P>(map, x, weights, sum);
      }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) store(out + r * channel + i * row + p * L, sum[r][p]);
  }
}

/// All columns of R out channels of a block.
template <class S, int R, int largest>
void multiply_channels(const Map& map, const S* bias, const S* from, const Operand<S>* operands,
                       int count, S* out) {
  constexpr int L = kLanes<S>;
  for_each_tile<largest>(map.width, [&](Index first, auto P) {
    const Index at = first * L;
    Operand<S> here[2] = {};
    for (int f = 0; f < count; ++f) here[f] = {operands[f].x + at, operands[f].weights};
    multiply_strip<S, R, P>(map, bias, from != nullptr ? from + at : nullptr, here, count,
                            out + at);
  });
}

template <class S>
void multiply_map(const Map& map, Index blocks, Start<S> start, Applied<S> first, Applied<S> second,
                  S* out, S* scratch) {
  constexpr int L = kLanes<S>;
  Applied<S> factors[2];
  int count = 0;
  for (const Applied<S>& factor : {first, second})
    if (factor.weights != nullptr) factors[count++] = factor;
  if (map.has_squares() && count > 0) {
    multiply_by_squares(map, blocks, start, factors, count, out, scratch);
    return;
  }
  const ProductScratch<S> at(map, scratch);
  for (int f = 0; f < count; ++f) pack(map, factors[f].weights, at.packed[f]);

  const Index channel = map.height * map.width * L;
  for (Index b = 0; b < blocks; ++b) {
    const S* x[2];
    for (int f = 0; f < count; ++f)
      x[f] = pad(map, factors[f].x + b * map.groups * map.inputs * channel, at.padded[f]);
    for (Index group = 0; group < map.groups; ++group)
      for_each_tile<kTileChannels>(map.outputs, [&](Index tile, auto R) {
        const Index o = group * map.outputs + tile;
        const Index to = (b * map.groups * map.outputs + o) * channel;
        Operand<S> operands[2] = {};
        for (int f = 0; f < count; ++f)
          operands[f] = {x[f] + group * map.inputs * map.padded_channel * L,
                         at.packed[f] + o * map.taps()};
        constexpr int largest = R == 1 ? kLonePixels : kTilePixels;
        multiply_channels<S, R, largest>(map, start.bias != nullptr ? start.bias + o : nullptr,
                                         start.from != nullptr ? start.from + to : nullptr,
                                         operands, count, out + to);
      });
  }
}

}  // namespace

template <class S>
void multiply(const ConvolutionShape& shape, Index blocks, Start<S> start, Applied<S> first,
              Applied<S> second, S* out, S* scratch) {
  multiply_map(Map(shape, false), blocks, start, first, second, out, scratch);
}

template <class S>
void multiply_transposed(const ConvolutionShape& shape, Index blocks, Start<S> start,
                         Applied<S> first, Applied<S> second, S* out, S* scratch) {
  multiply_map(Map(shape, true), blocks, start, first, second, out, scratch);
}

#define MGRES_INSTANTIATE(S)                                                                      \
  template void multiply<S>(const ConvolutionShape&, Index, Start<S>, Applied<S>, Applied<S>, S*, \
                            S*);                                                                  \
  template void multiply_transposed<S>(const ConvolutionShape&, Index, Start<S>, Applied<S>,      \
                                       Applied<S>, S*, S*);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
