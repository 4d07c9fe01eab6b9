#include "mgres/closing.hpp"

#include <algorithm>

#include "mgres/tiles.hpp"

namespace mgres {

namespace {

/// A few rows at a time; wider classifiers are rare enough.
constexpr int kRows = 5;

}  // namespace

template <class S>
void close(const ResNet& net, const S* W_out, const S* b_out, Index blocks, const S* y, S* z) {
  constexpr int L = kLanes<S>;
  for (Index b = 0; b < blocks; ++b, y += net.width * L, z += net.outputs * L)
    for_each_tile<kRows>(net.outputs, [&](Index first, auto R) {
      Pack<S> sum[R][1];
      for (int c = 0; c < R; ++c) sum[c][0] = broadcast(b_out[first + c]);
      add_product<S, R, 1>(W_out + first * net.width, net.width, 1, net.width, y, 0, sum);
      for (int c = 0; c < R; ++c) store(z + (first + c) * L, sum[c][0]);
    });
}

template <class S>
void closing_adjoint(const ResNet& net, const S* W_out, Index blocks, const S* g, S* a) {
  constexpr int L = kLanes<S>;
  for (Index b = 0; b < blocks; ++b, g += net.outputs * L, a += net.width * L)
    for_each_tile<kRows>(net.width, [&](Index first, auto R) {
      Pack<S> sum[R][1] = {};
      add_product<S, R, 1>(W_out + first, 1, net.width, net.outputs, g, 0, sum);
      for (int i = 0; i < R; ++i) store(a + (first + i) * L, sum[i][0]);
    });
}

template <class S>
void add_closing_gradient(const ResNet& net, Index blocks, const S* g, const S* y, S* dW_out,
                          S* db_out) {
  constexpr int L = kLanes<S>;
  const Index g_block = net.outputs * L;
  const Index y_block = net.width * L;
  add_outer_by_lanes<S>(net.outputs, net.width, g, g_block, y, y_block, blocks, dW_out, net.width);
  for (Index c = 0; c < net.outputs; ++c) {
    Pack<S> sum{};
    for (Index b = 0; b < blocks; ++b) sum += load(g + b * g_block + c * L);
    add_lane_sums<S>(&sum, 1, db_out + c);
  }
}

#define MGRES_INSTANTIATE(S)                                                      \
  template void close<S>(const ResNet&, const S*, const S*, Index, const S*, S*); \
  template void closing_adjoint<S>(const ResNet&, const S*, Index, const S*, S*); \
  template void add_closing_gradient<S>(const ResNet&, Index, const S*, const S*, S*, S*);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
