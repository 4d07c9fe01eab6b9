#include <utility>

#include "mgres/sparse.hpp"
#include "rows.hpp"

namespace mgres {

namespace {

using namespace detail;

template <class S, int F>
void multiply_factors(const Lines& lines, Index blocks, Start<S> start,
                      const Applied<S> (&factors)[F], S* out) {
  const Index block = lines.count() * kLanes<S>;
  for_each_group<kSparseBlocks>(blocks, [&](Index b, auto N) {
    const Index at = b * block;
    Applied<S> here[F];
    for (int f = 0; f < F; ++f) here[f] = {factors[f].weights, factors[f].x + at};
    const Start<S> from{start.bias, start.from != nullptr ? start.from + at : nullptr};
    multiply_lines<S, N>(lines, from, here, block, out + at);
  });
}

/// All entries, for N blocks.
template <class S, int N>
__attribute__((noinline)) void outer_lines(const Lines& rows, const S* s, const S* x, S* weights) {
  constexpr int L = kLanes<S>;
  const Index width = rows.count(), stride = width * L;
  Waiting<S> sums(weights);
  for (Index i = 0; i < width; ++i) {
    Pack<S> si[N];
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) si[n] = load(s + n * stride + i * L);
    outer_line<S, N>(rows, i, si, x, stride, sums);
  }
  sums.flush();
}

}  // namespace

template <class S>
void multiply(const Lines& lines, Index blocks, Start<S> start, Applied<S> first, Applied<S> second,
              S* out) {
  if (first.weights == nullptr) std::swap(first, second);
  if (second.weights != nullptr)
    multiply_factors<S, 2>(lines, blocks, start, {first, second}, out);
  else
    multiply_factors<S, 1>(lines, blocks, start, {first}, out);
}

template <class S>
void add_outer(const Lines& rows, Index blocks, const S* s, const S* x, S* weights) {
  const Index block = rows.count() * kLanes<S>;
  for_each_group<kOuterBlocks>(blocks, [&](Index b, auto N) {
    outer_lines<S, N>(rows, s + b * block, x + b * block, weights);
  });
}

#define MGRES_INSTANTIATE(S)                                                            \
  template void multiply<S>(const Lines&, Index, Start<S>, Applied<S>, Applied<S>, S*); \
  template void add_outer<S>(const Lines&, Index, const S*, const S*, S*);
MGRES_INSTANTIATE(float)
MGRES_INSTANTIATE(double)

}  // namespace mgres
