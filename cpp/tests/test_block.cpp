// Products of blocks, for every remainder of every tile.  The numbers are small integers, so that sums
// are exact in any order and results must be equal, not close.
#include <vector>

#include <doctest/doctest.h>

#include "mgres/block.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;

namespace {

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

/// z += A x by definition; x (columns, lanes), z (rows, lanes).
template <class S>
void plain_multiply(const std::vector<S>& a, Index row_stride, Index column_stride, Index rows,
                    Index columns, Index lanes, const std::vector<S>& x, std::vector<S>& z) {
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j)
      for (Index l = 0; l < lanes; ++l)
        z[u(i * lanes + l)] += a[u(i * row_stride + j * column_stride)] * x[u(j * lanes + l)];
}

template <class S, int R, int NV>
void check_multiply(Index rows, Index columns) {
  constexpr Index lanes = NV * kLanes<S>;
  CAPTURE(R);
  CAPTURE(NV);
  CAPTURE(rows);
  CAPTURE(columns);
  Random random(static_cast<std::uint64_t>(rows * 100 + columns));
  // exactly the memory that is needed: AddressSanitizer sees any access beyond
  const std::vector<S> a = random.integers<S>(rows * columns);
  const std::vector<S> x = random.integers<S>(columns * lanes);
  const std::vector<S> start = random.integers<S>(rows * lanes);
  for (const bool transposed : {false, true}) {
    const Index row_stride = transposed ? 1 : columns;
    const Index column_stride = transposed ? rows : 1;
    std::vector<S> z = start, expected = start;
    multiply<S, R, NV>(a.data(), row_stride, column_stride, rows, columns, x.data(), z.data());
    plain_multiply(a, row_stride, column_stride, rows, columns, lanes, x, expected);
    CHECK(z == expected);
  }
}

template <class S, int R, int C, int NV>
void check_outer(Index rows, Index columns, Index blocks) {
  constexpr Index lanes = NV * kLanes<S>;
  CAPTURE(R);
  CAPTURE(C);
  CAPTURE(NV);
  CAPTURE(rows);
  CAPTURE(columns);
  CAPTURE(blocks);
  Random random(static_cast<std::uint64_t>(rows * 1000 + columns * 10 + blocks));
  const std::vector<S> s = random.integers<S>(blocks * rows * lanes);
  const std::vector<S> y = random.integers<S>(blocks * columns * lanes);
  std::vector<S> gradient = random.integers<S>(rows * columns);
  std::vector<S> bias = random.integers<S>(rows);
  std::vector<S> expected = gradient, expected_bias = bias;
  std::vector<S> scratch(u((R * columns + R) * kLanes<S>), S(1e9));
  accumulate_outer<S, R, C, NV>(s.data(), rows, y.data(), columns, blocks, gradient.data(),
                                bias.data(), scratch.data());
  for (Index b = 0; b < blocks; ++b)
    for (Index r = 0; r < rows; ++r)
      for (Index l = 0; l < lanes; ++l) {
        const S sr = s[u((b * rows + r) * lanes + l)];
        expected_bias[u(r)] += sr;
        for (Index c = 0; c < columns; ++c)
          expected[u(r * columns + c)] += sr * y[u((b * columns + c) * lanes + l)];
      }
  CHECK(gradient == expected);
  CHECK(bias == expected_bias);
}

template <class S, int R, int NV>
void check_multiplies() {
  for (Index rows = 1; rows <= 2 * R + 1; ++rows)
    for (const Index columns : {1, 2, 7, 12}) check_multiply<S, R, NV>(rows, columns);
}

template <class S, int R, int C, int NV>
void check_outers() {
  for (Index rows = 1; rows <= 2 * R + 1; ++rows)
    for (Index columns = 1; columns <= 2 * C + 1; ++columns)
      for (const Index blocks : {1, 2, 5}) check_outer<S, R, C, NV>(rows, columns, blocks);
}

/// The tiles that the kernel of width V really uses.
template <class S, int V>
void check_width() {
  using T = Tiling<V>;
  check_multiply<S, T::rows, T::vectors>(V, V);
  check_outer<S, T::outer_rows, T::outer_columns, T::vectors>(V, V, 3);
}

template <class S, int... V>
void check_widths(std::integer_sequence<int, V...>) {
  (check_width<S, V + 1>(), ...);
}

}  // namespace

TEST_CASE_TEMPLATE("multiply for all remainders", S, float, double) {
  check_multiplies<S, 1, 1>();
  check_multiplies<S, 2, 4>();
  check_multiplies<S, 5, 4>();
  check_multiplies<S, 6, 2>();
  check_multiplies<S, 12, 2>();
}

TEST_CASE_TEMPLATE("outer products for all remainders", S, float, double) {
  check_outers<S, 1, 1, 1>();
  check_outers<S, 2, 4, 2>();
  check_outers<S, 4, 6, 2>();
  check_outers<S, 3, 5, 4>();
}

TEST_CASE_TEMPLATE("tiles of the fixed widths", S, float, double) {
  check_widths<S>(std::make_integer_sequence<int, 16>{});
}

TEST_CASE_TEMPLATE("a width known at compile time changes nothing", S, float, double) {
  Random random(7);
  constexpr Index lanes = 2 * kLanes<S>;
  const std::vector<S> a = random.vector<S>(49);
  const std::vector<S> x = random.vector<S>(7 * lanes);
  std::vector<S> fixed(u(7 * lanes), S(1)), dynamic = fixed;
  multiply<S, 3, 2>(a.data(), 7, 1, Width<7>(7), Width<7>(7), x.data(), fixed.data());
  multiply<S, 3, 2>(a.data(), 7, 1, Width<0>(7), Width<0>(7), x.data(), dynamic.data());
  CHECK(fixed == dynamic);
}

TEST_CASE_TEMPLATE("add_lane_sums adds, and writes `count` numbers only", S, float, double) {
  constexpr Index L = kLanes<S>;
  Random random(8);
  for (Index count = 0; count <= 2 * L + 3; ++count) {
    const std::vector<S> v = random.integers<S>(count * L);
    std::vector<S> out(u(count + 3), S(5)), expected = out;
    add_lane_sums<S>(v.data(), count, out.data());
    for (Index i = 0; i < count; ++i)
      for (Index l = 0; l < L; ++l) expected[u(i)] += v[u(i * L + l)];
    CHECK(out == expected);
  }
}
