#include "mgres/kernel.hpp"

#include <array>
#include <utility>

#include "mgres/block.hpp"

namespace mgres {

namespace {

/// Past this width everything is tiled and the compiler gains nothing from knowing it.
constexpr int kLargestFixedWidth = 16;

template <class S, int V>
constexpr Index block_lanes() {
  return Tiling<V>::vectors * kLanes<S>;
}

/// y <- y + h sigma(z) for `size` numbers.  With `states`, the old y and h sigma'(z) are kept.
template <class S, Activation activation>
void update(Index size, S h, const S* z, S* y, S* states, S* slopes) {
  for (Index i = 0; i < size; i += kLanes<S>) {
    Pack<S> value = load(z + i), slope{};
    const Pack<S> yi = load(y + i);
    activate<activation, S>(value, slope);
    if (states != nullptr) {
      store(states + i, yi);
      store(slopes + i, h * slope);
    }
    store(y + i, yi + h * value);
  }
}

template <class S>
using Update = void (*)(Index, S, const S*, S*, S*, S*);

template <class S>
Update<S> update_for(Activation activation) {
  switch (activation) {
    case Activation::relu:
      return update<S, Activation::relu>;
    case Activation::tanh:
      return update<S, Activation::tanh>;
    case Activation::logistic:
      return update<S, Activation::logistic>;
    case Activation::identity:
      return update<S, Activation::identity>;
    case Activation::smooth_relu:
      return update<S, Activation::smooth_relu>;
  }
  return nullptr;
}

/// One relu layer on one block whose sums fit into the registers: nothing goes through memory
/// between product and update.
template <class S, int V>
void relu_layer(const S* parameters, S h, S* y, S* states, S* slopes) {
  constexpr int NV = Tiling<V>::vectors;
  constexpr int L = kLanes<S>;
  const S* bias = parameters + V * V;
  Pack<S> sum[V][NV];
#pragma GCC unroll 32
  for (int i = 0; i < V; ++i)
#pragma GCC unroll 4
    for (int n = 0; n < NV; ++n) sum[i][n] = broadcast(bias[i]);
  add_product<S, V, NV>(parameters, V, 1, V, y, sum);
#pragma GCC unroll 32
  for (int i = 0; i < V; ++i)
#pragma GCC unroll 4
    for (int n = 0; n < NV; ++n) {
      const int at = (i * NV + n) * L;
      const Pack<S> yi = load(y + at);
      Pack<S> slope{};
      activate<Activation::relu, S>(sum[i][n], slope);
      if (states != nullptr) {
        store(states + at, yi);
        store(slopes + at, h * slope);
      }
      store(y + at, yi + h * sum[i][n]);
    }
}

template <class S, int V>
void forward(const Segment<S>& segment, S* state, S* states, S* slopes, S* scratch) {
  constexpr int NV = Tiling<V>::vectors;
  constexpr int L = kLanes<S>;
  const Width<V> width(segment.width);
  const Index column = NV * L;
  const Index block_size = width * column;
  const Index chunk_size = block_size * segment.blocks;
  const Index weights = width * width;
  const Update<S> update_block = update_for<S>(segment.activation);

  for (Index b = 0; b < segment.blocks; ++b) {
    S* y = state + b * block_size;
    S* z = scratch;
    const S* p = segment.parameters;
    for (Index k = 0; k < segment.layers; ++k, p += weights + width) {
      const Index at = k * chunk_size + b * block_size;
      S* states_k = states != nullptr ? states + at : nullptr;
      S* slopes_k = slopes != nullptr ? slopes + at : nullptr;
      if constexpr (Tiling<V>::fits)
        if (segment.activation == Activation::relu) {
          relu_layer<S, V>(p, segment.step, y, states_k, slopes_k);
          continue;
        }
      for (Index i = 0; i < width; ++i)
        for (int n = 0; n < NV; ++n) store(z + i * column + n * L, broadcast(p[weights + i]));
      multiply<S, Tiling<V>::rows, NV>(p, width, 1, width, width, y, z);
      update_block(block_size, segment.step, z, y, states_k, slopes_k);
    }
  }
}

template <class S, int V>
void backward(const Segment<S>& segment, const S* states, const S* slopes, S* adjoint, S* gradient,
              S* scratch) {
  using T = Tiling<V>;
  constexpr int NV = T::vectors;
  constexpr int L = kLanes<S>;
  const Width<V> width(segment.width);
  const Index block_size = width * NV * L;
  const Index chunk_size = block_size * segment.blocks;
  const Index layer = width * width + width;
  S* s = scratch;  // h sigma'(z) * adjoint, for the whole chunk
  S* sums = scratch + chunk_size;

  for (Index k = segment.layers - 1; k >= 0; --k) {
    const S* W = segment.parameters + k * layer;
    const S* slope = slopes + k * chunk_size;
    for (Index b = 0; b < segment.blocks; ++b) {
      S* a = adjoint + b * block_size;
      S* sb = s + b * block_size;
      for (Index i = 0; i < block_size; i += L)
        store(sb + i, load(a + i) * load(slope + b * block_size + i));
      multiply<S, T::rows, NV>(W, 1, width, width, width, sb, a);  // a += W^T s
    }
    if (gradient == nullptr) continue;
    S* dW = gradient + k * layer;
    accumulate_outer<S, T::outer_rows, T::outer_columns, NV>(
        s, width, states + k * chunk_size, width, segment.blocks, dW, dW + width * width, sums);
  }
}

template <class S, int V>
Index scratch_size(Index width, Index blocks) {
  const Index rows = Tiling<V>::outer_rows;
  return width * block_lanes<S, V>() * blocks + rows * (width + 1) * kLanes<S>;
}

template <class S, int V>
constexpr LayerKernel<S> make_kernel() {
  return {block_lanes<S, V>(), forward<S, V>, backward<S, V>, scratch_size<S, V>};
}

template <class S, int... V>
constexpr std::array<LayerKernel<S>, sizeof...(V)> make_kernels(std::integer_sequence<int, V...>) {
  return {make_kernel<S, V>()...};
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
