#include "mgres/opening.hpp"

#include <algorithm>

#include "mgres/tiles.hpp"
#include "mgres/vector.hpp"

namespace mgres {

namespace {

// The features of a sample lie next to each other, so here a vector holds features, not samples:
// whole vectors first, then the few features that remain, which are brought into blocks.

template <class S>
Index whole_vectors(Index inputs) {
  return inputs / kLanes<S> * kLanes<S>;
}

/// The last features of X as blocks (blocks, features, kLanes).
template <class S>
void gather_rest(const S* X, Index inputs, Index count, S* out) {
  constexpr Index L = kLanes<S>;
  const Index first = whole_vectors<S>(inputs);
  const Index rest = inputs - first;
  std::fill_n(out, ceil_div(count, L) * rest * L, S(0));
  for (Index n = 0; n < count; ++n)
    for (Index j = 0; j < rest; ++j)
      out[(n / L * rest + j) * L + n % L] = X[n * inputs + first + j];
}

/// to[i * kLanes + n] = sum over whole vectors of features of Q_i x_n, for R rows and N samples.
template <class S, int R, int N>
void dot_products(const S* Q, const S* X, Index inputs, Pack<S>* to) {
  constexpr int L = kLanes<S>;
  Pack<S> sum[R][N] = {};
  const Index end = whole_vectors<S>(inputs);
#pragma GCC unroll 1
  for (Index j = 0; j < end; j += L) {
    Pack<S> x[N];
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) x[n] = load(X + n * inputs + j);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      Pack<S> q = load(Q + i * inputs + j);
      hold<S>(q);
#pragma GCC unroll 2
      for (int n = 0; n < N; ++n) sum[i][n] += q * x[n];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i)
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) to[i * L + n] = sum[i][n];
}

/// R rows of y_0 of a block of `count` samples; `rest` holds its last features.
template <class S, int R>
void open_rows(const S* Q, const S* X, Index inputs, Index count, const S* rest, S* y0) {
  constexpr int L = kLanes<S>;
  const Index first = whole_vectors<S>(inputs);
  Pack<S> sums[R * L] = {};
  if (first > 0) {
    Index n = 0;
    for (; n + 2 <= count; n += 2) dot_products<S, R, 2>(Q, X + n * inputs, inputs, sums + n);
    if (n < count) dot_products<S, R, 1>(Q, X + n * inputs, inputs, sums + n);
  }
  Pack<S> y[R][1];
  for (int i = 0; i < R; ++i) y[i][0] = sum_lanes<S>(sums + i * L);
  add_product<S, R, 1>(Q + first, inputs, 1, inputs - first, rest, 0, y);
  for (int i = 0; i < R; ++i) store(y0 + i * L, y[i][0]);
}

}  // namespace

template <class S>
Index opening_scratch(Index inputs, Index blocks) {
  return blocks * (inputs - whole_vectors<S>(inputs)) * kLanes<S>;
}

template <class S>
void open(const ResNet& net, const S* Q, const S* X, Index count, S* y0, S* scratch) {
  constexpr Index L = kLanes<S>;
  gather_rest(X, net.inputs, count, scratch);
  const Index rest_block = opening_scratch<S>(net.inputs, 1);
  for (Index n = 0; n < count; n += L, X += L * net.inputs, scratch += rest_block)
    for_each_tile<kTileRows>(net.width, [&](Index i, auto R) {
      open_rows<S, R>(Q + i * net.inputs, X, net.inputs, std::min(L, count - n), scratch,
                      y0 + n * net.width + i * L);
    });
}

template <class S>
void add_opening_gradient(const ResNet& net, const S* a0, const S* X, Index count, const S* scratch,
                          S* dQ) {
  constexpr Index L = kLanes<S>;
  const Index first = whole_vectors<S>(net.inputs);
  const Index rest = net.inputs - first;
  const Index block = net.width * L;
  add_outer_by_samples<S>(net.width, first, a0, block, X, net.inputs, count, dQ, net.inputs);
  add_outer_by_lanes<S>(net.width, rest, a0, block, scratch, rest * L, ceil_div(count, L),
                        dQ + first, net.inputs);
}

template <class S>
void opening_adjoint(const ResNet& net, const S* Q, const S* a0, Index count, S* dX) {
  constexpr Index L = kLanes<S>;
  for (Index n = 0; n < count; ++n, dX += net.inputs) {
    auto row = as_array(dX, net.inputs);
    row.setZero();
    const S* a = a0 + n / L * net.width * L + n % L;
    for (Index i = 0; i < net.width; ++i)
      row += a[i * L] * as_array(Q + i * net.inputs, net.inputs);
  }
}

#define MGRES_INSTANTIATE(S)                                                                     \
  template Index opening_scratch<S>(Index, Index);                                               \
  template void open<S>(const ResNet&, const S*, const S*, Index, S*, S*);                       \
  template void add_opening_gradient<S>(const ResNet&, const S*, const S*, Index, const S*, S*); \
  template void opening_adjoint<S>(const ResNet&, const S*, const S*, Index, S*);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
