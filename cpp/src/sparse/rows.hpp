/// The two loops that all products with sparse matrices consist of.
#pragma once

#include "mgres/pattern.hpp"
#include "mgres/products.hpp"
#include "mgres/tiles.hpp"

namespace mgres::detail {

/// Blocks whose sums stay in registers.  More of them would share the numbers of an entry, but they lie
/// a multiple of the width apart: where that is a power of two, they push each other out of the cache.
inline constexpr int kSparseBlocks = 4;

/// Blocks of an outer product, whose vectors of s stay in registers.
inline constexpr int kOuterBlocks = 8;

/// Call f(first block, std::integral_constant<int, blocks>) for groups of at most `largest` blocks.
template <int largest, class F>
inline void for_each_group(Index blocks, const F& f) {
  Index b = 0;
  for (; b + largest <= blocks; b += largest) f(b, std::integral_constant<int, largest>());
  if constexpr (largest > 1)
    if (b < blocks) with_constant<largest - 1>(blocks - b, [&](auto N) { f(b, N); });
}

/// sum_n += the products of line i with N blocks, which begin at `x` and are `stride` numbers apart; for
/// F factors at once, which share what is read of the pattern.
template <class S, int N, int F, bool in_order>
MGRES_ALWAYS_INLINE void add_line(const Lines& lines, Index i, const Applied<S> (&factors)[F],
                                  Index stride, Pack<S> (&sum)[N]) {
  const Index* starts = lines.starts.data() + i;
  const std::int32_t* across = lines.across.data();
  const std::int32_t* numbers = lines.weights.data();
#pragma GCC unroll 1
  for (Index k = starts[0], end = starts[1]; k < end; ++k) {
    const Index at = Index{across[k]} * kLanes<S>;
    const Index number = in_order ? k : Index{numbers[k]};
#pragma GCC unroll 2
    for (int f = 0; f < F; ++f) {
      Pack<S> weight = broadcast(factors[f].weights[number]);
      hold<S>(weight);
      const S* x = factors[f].x + at;
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) sum[n] += weight * load(x + n * stride);
    }
  }
}

template <class S, int N, int F, bool in_order>
__attribute__((noinline)) void multiply_lines_as(const Lines& lines, Start<S> start,
                                                 const Applied<S> (&factors)[F], Index x_stride,
                                                 S* out) {
  constexpr int L = kLanes<S>;
  const Index width = lines.count(), stride = width * L;
  for (Index i = 0; i < width; ++i) {
    Pack<S> sum[N] = {};
    if (start.bias != nullptr)
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) sum[n] = broadcast(start.bias[i]);
    if (start.from != nullptr)
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) sum[n] += load(start.from + n * stride + i * L);
    if (factors[0].weights != nullptr)
      add_line<S, N, F, in_order>(lines, i, factors, x_stride, sum);
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) store(out + n * stride + i * L, sum[n]);
  }
}

/// out = start + the products of all lines with N blocks; those of x are `x_stride` numbers apart.
template <class S, int N, int F>
void multiply_lines(const Lines& lines, Start<S> start, const Applied<S> (&factors)[F],
                    Index x_stride, S* out) {
  if (lines.in_order())
    multiply_lines_as<S, N, F, true>(lines, start, factors, x_stride, out);
  else
    multiply_lines_as<S, N, F, false>(lines, start, factors, x_stride, out);
}

/// What waits until there are enough vectors to sum over their lanes.
template <class S>
class Waiting {
 public:
  explicit Waiting(S* to) : to_(to) {}

  /// The next number += the sum over the lanes of v.
  void add(const Pack<S>& v) {
    waiting_[count_] = v;
    if (++count_ == kLanes<S>) flush();
  }

  void flush() {
    add_lane_sums<S>(waiting_, count_, to_);
    to_ += count_;
    count_ = 0;
  }

 private:
  Pack<S> waiting_[kLanes<S>];
  int count_ = 0;
  S* to_;
};

/// Add the products of s_i with what lies at the entries of row i, of N blocks.
template <class S, int N>
MGRES_ALWAYS_INLINE void outer_line(const Lines& rows, Index i, const Pack<S> (&s)[N], const S* x,
                                    Index stride, Waiting<S>& to) {
  const Index* starts = rows.starts.data() + i;
  const std::int32_t* across = rows.across.data();
#pragma GCC unroll 1
  for (Index k = starts[0], end = starts[1]; k < end; ++k) {
    const S* xk = x + Index{across[k]} * kLanes<S>;
    Pack<S> sum = s[0] * load(xk);
#pragma GCC unroll 8
    for (int n = 1; n < N; ++n) sum += s[n] * load(xk + n * stride);
    to.add(sum);
  }
}

}  // namespace mgres::detail
