#include "mgres/opening.hpp"

#include <algorithm>

#include "mgres/arena.hpp"
#include "mgres/tiles.hpp"
#include "mgres/vector.hpp"

namespace mgres {

namespace {

// The features of a sample lie next to each other, so with a matrix a vector holds features, not
// samples: whole vectors first, then the few features that remain, which are brought into blocks.

template <class S>
Index whole_vectors(Index inputs) {
  return inputs / kLanes<S> * kLanes<S>;
}

/// The features of X from `first` on as blocks (blocks, features, kLanes).
template <class S>
void gather(const S* X, Index inputs, Index first, Index count, S* out) {
  constexpr Index L = kLanes<S>;
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

template <class S>
void open(Index width, Index inputs, const S* Q, const S* X, Index count, S* y0, const S* rest) {
  constexpr Index L = kLanes<S>;
  const Index rest_block = (inputs - whole_vectors<S>(inputs)) * L;
  for (Index n = 0; n < count; n += L, X += L * inputs, rest += rest_block)
    for_each_tile<kTileRows>(width, [&](Index i, auto R) {
      open_rows<S, R>(Q + i * inputs, X, inputs, std::min(L, count - n), rest,
                      y0 + n * width + i * L);
    });
}

template <class S>
void add_matrix_gradient(Index width, Index inputs, const S* a0, const S* X, Index count,
                         const S* rest, S* dQ) {
  constexpr Index L = kLanes<S>;
  const Index first = whole_vectors<S>(inputs);
  const Index block = width * L;
  add_outer_by_samples<S>(width, first, a0, block, X, inputs, count, dQ, inputs);
  add_outer_by_lanes<S>(width, inputs - first, a0, block, rest, (inputs - first) * L,
                        ceil_div(count, L), dQ + first, inputs);
}

template <class S>
void matrix_adjoint(Index width, Index inputs, const S* Q, const S* a0, Index count, S* dX) {
  constexpr Index L = kLanes<S>;
  for (Index n = 0; n < count; ++n, dX += inputs) {
    auto row = as_array(dX, inputs);
    row.setZero();
    const S* a = a0 + n / L * width * L + n % L;
    for (Index i = 0; i < width; ++i) row += a[i * L] * as_array(Q + i * inputs, inputs);
  }
}

}  // namespace

template <class S>
Opening<S>::Opening(const MapSpec& spec)
    : by_rows_(spec.kind == MapKind::matrix && !spec.biased),
      inputs_(spec.in.size()),
      width_(spec.out.size()),
      junction_(spec) {}

/// Numbers of the samples that are brought into blocks.
template <class S>
Index Opening<S>::given(Index blocks) const {
  const Index first = by_rows_ ? whole_vectors<S>(inputs_) : 0;
  return Arena<S>::room(blocks * (inputs_ - first) * kLanes<S>);
}

template <class S>
Index Opening<S>::scratch_size(Index blocks) const {
  return by_rows_ ? given(blocks) : 2 * given(blocks) + junction_.scratch_size(blocks);
}

template <class S>
void Opening<S>::forward(const S* p, const S* X, Index count, S* y0, S* scratch) const {
  gather(X, inputs_, by_rows_ ? whole_vectors<S>(inputs_) : 0, count, scratch);
  if (by_rows_) return open(width_, inputs_, p, X, count, y0, scratch);
  const Index blocks = ceil_div(count, kLanes<S>);
  junction_.forward(p, blocks, scratch, y0, scratch + 2 * given(blocks));
}

template <class S>
void Opening<S>::add_gradient(const S* a0, const S* X, Index count, S* gradient, S* scratch) const {
  if (by_rows_) return add_matrix_gradient(width_, inputs_, a0, X, count, scratch, gradient);
  const Index blocks = ceil_div(count, kLanes<S>);
  S* const nothing = nullptr;
  junction_.adjoint(nothing, blocks, scratch, a0, nothing, gradient, scratch + 2 * given(blocks));
}

template <class S>
void Opening<S>::adjoint(const S* p, const S* a0, Index count, S* dX, S* scratch) const {
  if (by_rows_) return matrix_adjoint(width_, inputs_, p, a0, count, dX);
  constexpr Index L = kLanes<S>;
  const Index blocks = ceil_div(count, L);
  S *const x = scratch, *const a = scratch + given(blocks), *const rest = a + given(blocks);
  S* const nothing = nullptr;
  junction_.adjoint(p, blocks, x, a0, a, nothing, rest);
  for (Index n = 0; n < count; ++n)
    for (Index j = 0; j < inputs_; ++j) dX[n * inputs_ + j] = a[(n / L * inputs_ + j) * L + n % L];
}

template class Opening<float>;
template class Opening<double>;

}  // namespace mgres
