// Products of blocks, for every tile that the kernels use.  The numbers are small integers, so that
// sums are exact in any order and results must be equal, not close.
#include <vector>

#include <doctest/doctest.h>

#include "mgres/tiles.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;

namespace {

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

template <class S, int R, int N>
void check_product(Index columns) {
  constexpr Index L = kLanes<S>;
  CAPTURE(R);
  CAPTURE(N);
  CAPTURE(columns);
  Random random(static_cast<std::uint64_t>(R * 100 + N * 10 + columns));
  // exactly the memory that is needed: AddressSanitizer sees any access beyond
  const std::vector<S> a = random.integers<S>(R * columns);
  const std::vector<S> x = random.integers<S>(N * columns * L);
  const std::vector<S> start = random.integers<S>(R * N * L);
  for (const bool transposed : {false, true}) {
    const Index row_stride = transposed ? 1 : columns;
    const Index column_stride = transposed ? R : 1;
    Pack<S> sum[R][N];
    for (int i = 0; i < R; ++i)
      for (int n = 0; n < N; ++n) sum[i][n] = load(start.data() + (i * N + n) * L);
    add_product<S, R, N>(a.data(), row_stride, column_stride, columns, x.data(), columns * L, sum);
    for (int i = 0; i < R; ++i)
      for (int n = 0; n < N; ++n)
        for (Index l = 0; l < L; ++l) {
          S expected = start[u((i * N + n) * L + l)];
          for (Index j = 0; j < columns; ++j)
            expected += a[u(i * row_stride + j * column_stride)] * x[u((n * columns + j) * L + l)];
          const S found = sum[i][n][l];
          CHECK(found == expected);
        }
  }
}

/// s (blocks, rows, kLanes) and y (blocks, columns, kLanes), and the sum over samples of s_r y_c.
template <class S>
struct Outer {
  Outer(Index rows_, Index columns_, Index blocks_)
      : rows(rows_), columns(columns_), blocks(blocks_) {
    Random random(static_cast<std::uint64_t>(rows * 1000 + columns * 10 + blocks));
    s = random.integers<S>(blocks * rows * L);
    y = random.integers<S>(blocks * columns * L);
  }

  S sum(Index r, Index c, Index samples) const {
    S sum = 0;
    for (Index n = 0; n < samples; ++n) sum += s_at(r, n) * y_at(c, n);
    return sum;
  }
  S bias(Index r) const {
    S sum = 0;
    for (Index n = 0; n < blocks * L; ++n) sum += s_at(r, n);
    return sum;
  }
  S s_at(Index r, Index n) const { return s[u((n / L * rows + r) * L + n % L)]; }
  S y_at(Index c, Index n) const { return y[u((n / L * columns + c) * L + n % L)]; }

  static constexpr Index L = kLanes<S>;
  Index rows, columns, blocks;
  std::vector<S> s, y;
};

template <class S>
S sum_of(const Pack<S>& v) {
  S sum = 0;
  for (int l = 0; l < kLanes<S>; ++l) sum += v[l];
  return sum;
}

template <class S, int R, int C, bool bias>
void check_outer_lanes(Index blocks) {
  CAPTURE(R);
  CAPTURE(C);
  CAPTURE(blocks);
  const Outer<S> outer(R, C + 1, blocks);  // a column more than is asked for
  constexpr Index stride = C + 2;
  const S untouched = 77;
  std::vector<Pack<S>> weights(u(R * stride), broadcast(untouched));
  std::vector<Pack<S>> biases(u(R * 2), broadcast(untouched));
  outer_lanes<S, R, C, bias>(outer.s.data(), R * kLanes<S>, outer.y.data(), (C + 1) * kLanes<S>,
                             blocks, {weights.data(), stride, biases.data(), 2});
  for (Index r = 0; r < R; ++r) {
    for (Index c = 0; c < stride; ++c)
      CHECK(sum_of<S>(weights[u(r * stride + c)]) ==
            (c < C ? outer.sum(r, c, blocks * kLanes<S>) : untouched * kLanes<S>));
    CHECK(sum_of<S>(biases[u(2 * r)]) == (bias ? outer.bias(r) : untouched * kLanes<S>));
    CHECK(sum_of<S>(biases[u(2 * r + 1)]) == untouched * kLanes<S>);
  }
}

template <class S, int R, int C>
void check_outer_samples(Index samples) {
  constexpr Index L = kLanes<S>;
  CAPTURE(R);
  CAPTURE(C);
  CAPTURE(samples);
  const Outer<S> outer(R, C * L, ceil_div(samples, L));
  const Index stride = C * L + 3;
  std::vector<S> y(u(samples * stride)), g(u(R * stride), S(5));
  for (Index n = 0; n < samples; ++n)
    for (Index c = 0; c < C * L; ++c) y[u(n * stride + c)] = outer.y_at(c, n);
  outer_samples<S, R, C>(outer.s.data(), R * L, y.data(), stride, samples, g.data(), stride);
  for (Index r = 0; r < R; ++r)
    for (Index c = 0; c < stride; ++c)
      CHECK(g[u(r * stride + c)] == (c < C * L ? 5 + outer.sum(r, c, samples) : S(5)));
}

template <class S, int... R>
void check_all_rows(std::integer_sequence<int, R...>) {
  for (const Index columns : {1, 2, 3, 12}) {
    (check_product<S, R + 1, 1>(columns), ...);
    (check_product<S, R + 1, 2>(columns), ...);
  }
  constexpr Index L = kLanes<S>;
  for (const Index samples : {Index{1}, L - 1, L, 3 * L + 1}) {
    (check_outer_samples<S, R + 1, 1>(samples), ...);
    (check_outer_samples<S, R + 1, 2>(samples), ...);
  }
}

template <class S, int R, int... C>
void check_lane_columns(std::integer_sequence<int, C...>) {
  for (const Index blocks : {1, 2, 5}) {
    (check_outer_lanes<S, R, C + 1, false>(blocks), ...);
    (check_outer_lanes<S, R, C, true>(blocks), ...);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("products and outer products by samples, every tile", S, float, double) {
  check_all_rows<S>(std::make_integer_sequence<int, 12>{});
}

TEST_CASE_TEMPLATE("outer products by lanes, every tile", S, float, double) {
  constexpr auto columns = std::make_integer_sequence<int, 4>{};
  check_lane_columns<S, 1>(columns);
  check_lane_columns<S, 2>(columns);
  check_lane_columns<S, 3>(columns);
  check_lane_columns<S, 4>(columns);
  check_lane_columns<S, 5>(columns);
}

TEST_CASE("for_each_tile covers all rows once, in the fewest tiles, none much smaller") {
  for (Index rows = 0; rows <= 50; ++rows) {
    Index next = 0, tiles = 0, smallest = 7, largest = 0;
    for_each_tile<7>(rows, [&](Index first, auto R) {
      CHECK(first == next);
      next += R;
      ++tiles;
      smallest = std::min<Index>(smallest, R);
      largest = std::max<Index>(largest, R);
    });
    CHECK(next == rows);
    CHECK(tiles == ceil_div(rows, 7));
    if (rows > 0) CHECK(largest - smallest <= 1);
  }
}

TEST_CASE_TEMPLATE("a width known at compile time changes nothing", S, float, double) {
  Random random(7);
  const std::vector<S> a = random.vector<S>(49);
  const std::vector<S> x = random.vector<S>(7 * kLanes<S>);
  Pack<S> fixed[7][1] = {}, dynamic[7][1] = {};
  add_product<S, 7, 1>(a.data(), 7, 1, Width<7>(7), x.data(), 0, fixed);
  add_product<S, 7, 1>(a.data(), 7, 1, Width<0>(7), x.data(), 0, dynamic);
  for (int i = 0; i < 7; ++i)
    for (int l = 0; l < kLanes<S>; ++l) {
      const S found = fixed[i][0][l], expected = dynamic[i][0][l];
      CHECK(found == expected);
    }
}

TEST_CASE_TEMPLATE("add_lane_sums adds, and writes `count` numbers only", S, float, double) {
  constexpr Index L = kLanes<S>;
  Random random(8);
  for (Index count = 0; count <= 2 * L + 3; ++count) {
    const std::vector<S> numbers = random.integers<S>(count * L);
    std::vector<Pack<S>> v(u(count));
    for (Index i = 0; i < count; ++i) v[u(i)] = load(numbers.data() + i * L);
    std::vector<S> out(u(count + 3), S(5)), expected = out;
    add_lane_sums<S>(v.data(), count, out.data());
    for (Index i = 0; i < count; ++i) expected[u(i)] += sum_of<S>(v[u(i)]);
    CHECK(out == expected);
  }
}
