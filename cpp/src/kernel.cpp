#include "mgres/kernel.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "mgres/ending.hpp"
#include "mgres/intrinsics.hpp"
#include "mgres/tiles.hpp"

namespace mgres {

namespace {

using namespace detail;

/// Up to this width the sums of a whole block, an input and a factor fit into the registers.  Beyond
/// it everything is tiled, and the compiler gains nothing from knowing the width.
constexpr int kLargestFixedWidth = kManyRegisters ? 24 : 13;

/// Blocks of a tile of the tiled product.
constexpr int kTileBlocks = 2;

/// So many blocks at a time keep the multipliers busy when a block is small.
template <int V>
constexpr int kFixedBlocks = V <= 6 ? 2 : 1;

// ---- activation ----------------------------------------------------------------------------------

/// to = from + h relu(z) for the vector number `vector` of a chunk.
template <class S, bool with_slopes>
MGRES_ALWAYS_INLINE void update_relu(S h, const Pack<S>& z, const S* from, S* to, S* slopes,
                                     Index vector) {
  constexpr int L = kLanes<S>;
  Pack<S> value;
  if constexpr (with_slopes) {
    const LaneMask<S> mask = above_zero<S>(z);
    store_mask(slopes, vector, mask);
    value = keep<S>(mask, z);
  } else {
    value = max<S>(Pack<S>{}, z);  // in this order a NaN stays
  }
  store(to + vector * L, load(from + vector * L) + h * value);
}

// ---- forward -------------------------------------------------------------------------------------

/// How a layer ends: a step of Euler with relu without leaving the registers, all others by a loop
/// over memory.
enum class Way { relu, relu_with_slopes, general };

/// R rows, from `first`, of N blocks, from `block`.
template <class S, Way way, int R, int N, class W>
MGRES_ALWAYS_INLINE void forward_tile(const Layer<S>& layer, W width, Index first, Index block,
                                      const Pack<S> (&bias)[R], const S* y, const S* from, S* to,
                                      S* slopes, const Ending<S>& ending) {
  constexpr int L = kLanes<S>;
  const S* weights = layer.parameters + first * width;
  Pack<S> sum[R][N];
#pragma GCC unroll 32
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) sum[i][n] = bias[i];
  add_product<S, R, N>(weights, width, 1, width, y + block * width * L, width * L, sum);
  if constexpr (way == Way::general) {
    Pack<S> z[N][R];
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n)
#pragma GCC unroll 32
      for (int i = 0; i < R; ++i) z[n][i] = sum[i][n];
    for (int n = 0; n < N; ++n) {
      const Index vector = (block + n) * width + first;
      if (ending.step != nullptr)
        ending.step(layer.step, z[n], R, from, to, slopes, vector);
      else
        ending.updates(layer.step, z[n], R, ending.all, slopes, vector);
    }
  } else {
#pragma GCC unroll 32
    for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n)
        update_relu<S, way == Way::relu_with_slopes>(layer.step, sum[i][n], from, to, slopes,
                                                     (block + n) * width + first + i);
  }
}

/// R rows of all blocks, N blocks at a time; inlined into its callers it would run out of registers.
template <class S, Way way, int R, int N, class W>
__attribute__((noinline)) void forward_rows(const Layer<S> layer, W width, Index first, const S* y,
                                            const S* from, S* to, S* slopes,
                                            const Ending<S>& ending) {
  Pack<S> bias[R];
#pragma GCC unroll 32
  for (int i = 0; i < R; ++i) bias[i] = broadcast(layer.parameters[width * width + first + i]);
  Index b = 0;
  for (; b + N <= layer.blocks; b += N)
    forward_tile<S, way, R, N>(layer, width, first, b, bias, y, from, to, slopes, ending);
  if constexpr (N > 1)
    for (; b < layer.blocks; ++b)
      forward_tile<S, way, R, 1>(layer, width, first, b, bias, y, from, to, slopes, ending);
}

template <class S, int V, Way way>
void forward_as(const Layer<S>& layer, const S* y, Updates<S> updates, S* slopes) {
  const Width<V> width(layer.width);
  Ending<S> ending{};
  if constexpr (way == Way::general) ending = make_ending(layer.activation, updates);
  const S* from = updates.first->from;
  S* to = updates.first->to;
  if constexpr (V > 0)
    forward_rows<S, way, V, kFixedBlocks<V>>(layer, width, 0, y, from, to, slopes, ending);
  else
    for_each_tile<kTileRows>(width, [&](Index first, auto R) {
      forward_rows<S, way, R, kTileBlocks>(layer, width, first, y, from, to, slopes, ending);
    });
}

template <class S, int V>
void forward(const Layer<S>& layer, const S* y, Updates<S> updates, S* slopes) {
  if (layer.activation != Activation::relu || !is_plain_step(updates))
    forward_as<S, V, Way::general>(layer, y, updates, slopes);
  else if (slopes != nullptr)
    forward_as<S, V, Way::relu_with_slopes>(layer, y, updates, slopes);
  else
    forward_as<S, V, Way::relu>(layer, y, updates, slopes);
}

// ---- backward: the adjoint -----------------------------------------------------------------------

template <class S, int R, int N>
MGRES_ALWAYS_INLINE void load_rows(const S* rows, Index block, Pack<S> (&to)[R][N]) {
#pragma GCC unroll 32
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) to[i][n] = load(rows + n * block + i * kLanes<S>);
}

template <class S, int R, int N>
MGRES_ALWAYS_INLINE void store_rows(const Pack<S> (&from)[R][N], Index block, S* rows) {
#pragma GCC unroll 32
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) store(rows + n * block + i * kLanes<S>, from[i][n]);
}

/// N whole blocks in registers: s = h sigma'(z) r, a <- a + W^T s.  Meanwhile y is fetched,
/// which dW needs next and which may be as far away as the L3 cache.
template <class S, bool relu, int V, int N>
MGRES_ALWAYS_INLINE void adjoint_blocks(const Layer<S>& layer, Index first_block, const S* y,
                                        const S* slopes, const S* r, S* adjoint, S* s_out) {
  constexpr Index block = V * kLanes<S>;
  S* a = adjoint + first_block * block;
  Pack<S> sum[V][N];
  load_rows<S, V, N>(a, block, sum);
  const auto times_slopes = [&](int n, Index j, const Pack<S>& rj) {
    const Index vector = (first_block + n) * V + j;
    const Pack<S> s = times_slope<S, relu>(layer.step, slopes, vector, rj);
    store(s_out + vector * kLanes<S>, s);
    __builtin_prefetch(y + vector * kLanes<S>);
    return s;
  };
  add_product<S, V, N>(layer.parameters, 1, V, Width<V>(V), r + first_block * block, block, sum,
                       times_slopes);
  store_rows<S, V, N>(sum, block, a);
}

template <class S, bool relu, int V>
void adjoint_fixed(const Layer<S> layer, const S* y, const S* slopes, const S* r, S* a, S* s) {
  constexpr int N = kFixedBlocks<V>;
  Index b = 0;
  for (; b + N <= layer.blocks; b += N) adjoint_blocks<S, relu, V, N>(layer, b, y, slopes, r, a, s);
  if constexpr (N > 1)
    for (; b < layer.blocks; ++b) adjoint_blocks<S, relu, V, 1>(layer, b, y, slopes, r, a, s);
}

/// R rows, from `first`, of N blocks, from `block`: a <- a + W^T s.
template <class S, int R, int N>
MGRES_ALWAYS_INLINE void adjoint_tile(const Layer<S>& layer, Index first, Index block, const S* s,
                                      S* a) {
  constexpr int L = kLanes<S>;
  const Index width = layer.width;
  S* rows = a + (block * width + first) * L;
  Pack<S> sum[R][N];
  load_rows<S, R, N>(rows, width * L, sum);
  add_product<S, R, N>(layer.parameters + first, 1, width, width, s + block * width * L, width * L,
                       sum);
  store_rows<S, R, N>(sum, width * L, rows);
}

template <class S, int R>
void adjoint_rows(const Layer<S>& layer, Index first, const S* s, S* a) {
  constexpr int N = kTileBlocks;
  Index b = 0;
  for (; b + N <= layer.blocks; b += N) adjoint_tile<S, R, N>(layer, first, b, s, a);
  for (; b < layer.blocks; ++b) adjoint_tile<S, R, 1>(layer, first, b, s, a);
}

template <class S, bool relu, int V>
void adjoint(const Layer<S>& layer, const S* y, const S* slopes, const S* r, S* a, S* s) {
  if constexpr (V > 0) {
    adjoint_fixed<S, relu, V>(layer, y, slopes, r, a, s);
  } else {
    constexpr int L = kLanes<S>;
    for (Index i = 0; i < layer.width * layer.blocks; ++i) {
      store(s + i * L, times_slope<S, relu>(layer.step, slopes, i, load(r + i * L)));
      __builtin_prefetch(y + i * L);
    }
    for_each_tile<kTileRows>(layer.width,
                             [&](Index first, auto R) { adjoint_rows<S, R>(layer, first, s, a); });
  }
}

// ---- backward: dW and db -------------------------------------------------------------------------

/// Sums lane by lane for R rows, the columns from `first` on, and the bias.
template <class S, int R>
void outer_lanes_rows(Index width, Index blocks, const S* s, const S* y, Index first,
                      const LaneSums<S>& to) {
  constexpr int L = kLanes<S>;
  const Index block = width * L;
  const Index columns = width - first + 1;  // the last one is the bias
  for_each_tile<kOuterColumns>(columns, [&](Index c, auto C) {
    LaneSums<S> tile = to;
    tile.weights += c;
    const S* yc = y + (first + c) * L;
    if (c + C < columns)
      outer_lanes<S, R, C, false>(s, block, yc, block, blocks, tile);
    else
      outer_lanes<S, R, C - 1, true>(s, block, yc, block, blocks, tile);
  });
}

/// All columns by lanes; the sums are laid out like the parameters.
template <class S>
void outer_narrow(Index width, Index blocks, const S* s, const S* y, S* gradient, Pack<S>* sums) {
  const Index weights = width * width;
  for_each_tile<kOuterRows>(width, [&](Index r, auto R) {
    const LaneSums<S> to{sums + r * width, width, sums + weights + r, 1};
    outer_lanes_rows<S, R>(width, blocks, s + r * kLanes<S>, y, 0, to);
  });
  add_lane_sums<S>(sums, weights + width, gradient);
}

/// The columns from `first` on, fewer than kLanes, by lanes.
template <class S>
void outer_rest(Index width, Index blocks, const S* s, const S* y, Index first, S* gradient) {
  constexpr int L = kLanes<S>;
  const Index rest = width - first;
  S* bias = gradient + width * width;
  for_each_tile<kOuterRows>(width, [&](Index r, auto R) {
    Pack<S> lanes[R * L];
    outer_lanes_rows<S, R>(width, blocks, s + r * L, y, first, {lanes, rest, lanes + R * rest, 1});
    S sums[R * L] = {};  // first the columns of all rows, then the biases
    add_lane_sums<S>(lanes, R * (rest + 1), sums);
    for (int i = 0; i < R; ++i) {
      for (Index c = 0; c < rest; ++c) gradient[(r + i) * width + first + c] += sums[i * rest + c];
      bias[r + i] += sums[R * rest + i];
    }
  });
}

/// Whole vectors of columns by samples, the few columns that remain and the bias by lanes.
template <class S>
void outer_wide(Index width, Index blocks, const S* s, const S* y, S* gradient, S* scratch) {
  constexpr int L = kLanes<S>;
  const Index vectors = width / L;
  const Index columns = vectors * L;
  outer_rest(width, blocks, s, y, columns, gradient);
  transpose_features(width, blocks, y, vectors, scratch);
  add_outer_by_samples<S>(width, columns, s, width * L, scratch, columns, blocks * L, gradient,
                          width);
}

template <class S>
Index outer_scratch(Index width, Index blocks) {
  constexpr int L = kLanes<S>;
  return width <= kLargestLaneWidth ? (width + 1) * width * L : blocks * L * (width / L) * L;
}

// ---- backward ------------------------------------------------------------------------------------

template <class S, int V>
void backward(const Layer<S>& layer, const S* y, const S* slopes, const S* r, S* a, S* gradient,
              S* scratch) {
  S* s = scratch;  // h sigma'(z) r
  if (layer.activation == Activation::relu)
    adjoint<S, true, V>(layer, y, slopes, r, a, s);
  else
    adjoint<S, false, V>(layer, y, slopes, r, a, s);
  if (gradient == nullptr) return;
  scratch += layer.width * kLanes<S> * layer.blocks;
  if (layer.width <= kLargestLaneWidth)
    outer_narrow<S>(layer.width, layer.blocks, s, y, gradient, reinterpret_cast<Pack<S>*>(scratch));
  else
    outer_wide<S>(layer.width, layer.blocks, s, y, gradient, scratch);
}

template <class S>
Index scratch_size(Index width, Index blocks) {
  return width * kLanes<S> * blocks + outer_scratch<S>(width, blocks);
}

template <class S, int... V>
constexpr std::array<LayerKernel<S>, sizeof...(V)> make_kernels(std::integer_sequence<int, V...>) {
  return {LayerKernel<S>{forward<S, V>, backward<S, V>, scratch_size<S>}...};
}

}  // namespace

template <class S>
const LayerKernel<S>& layer_kernel(Index width) {
  static constexpr auto kernels =
      make_kernels<S>(std::make_integer_sequence<int, kLargestFixedWidth + 1>{});
  return kernels[static_cast<std::size_t>(width <= kLargestFixedWidth ? width : 0)];
}

template const LayerKernel<float>& layer_kernel<float>(Index);
template const LayerKernel<double>& layer_kernel<double>(Index);

}  // namespace mgres
