// Products with sparse matrices against plain loops in long double: small integers, so that sums are
// exact in any order and results must be equal, not close.
#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/linear_map.hpp"
#include "mgres/pattern.hpp"
#include "mgres/simd.hpp"
#include "mgres/sparse.hpp"
#include "mgres/workspace.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;
using reference::Real;

namespace {

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

using PatternPtr = std::shared_ptr<const Pattern>;

/// Each entry with a probability, of which many rows and columns may have none.
PatternPtr random_pattern(Index width, double share, Random& random) {
  std::vector<Index> starts{0}, columns;
  for (Index i = 0; i < width; ++i) {
    for (Index j = 0; j < width; ++j)
      if (random.uniform(0, 1) < share) columns.push_back(j);
    if (i == width - 1 && columns.empty()) columns.push_back(0);
    starts.push_back(static_cast<Index>(columns.size()));
  }
  return std::make_shared<const Pattern>(width, std::move(starts), columns);
}

template <class S>
struct Problem {
  static constexpr Index L = kLanes<S>;

  Problem(PatternPtr pattern_, Index blocks_)
      : pattern(std::move(pattern_)),
        blocks(blocks_),
        width(pattern->width()),
        random(static_cast<std::uint64_t>(31 * width + blocks)),
        map(make_sparse<S>(pattern)) {
    REQUIRE(map->weights() == pattern->entries());
    REQUIRE(map->biases() == width);
    for (auto* w : {&W, &W2}) *w = random.integers<S>(pattern->entries());
    for (auto* v : {&x, &x2}) *v = random.integers<S>(width * blocks * L);
    const Index size = map->scratch_size(blocks);
    scratch = memory.reserve(size);
    std::fill_n(scratch, size, S(1e9));
  }

  /// Call f(row, column, number) for each entry.
  template <class F>
  void for_each_entry(const F& f) const {
    const Lines& rows = pattern->rows();
    for (Index i = 0; i < width; ++i)
      for (Index k = rows.starts[u(i)]; k < rows.starts[u(i + 1)]; ++k)
        f(i, Index{rows.across[u(k)]}, k);
  }

  Index at(Index sample, Index i) const { return (sample / L * width + i) * L + sample % L; }

  void add_product(const std::vector<S>& w, const std::vector<S>& in, bool transposed,
                   std::vector<Real>& y) const {
    for_each_entry([&](Index to, Index from, Index k) {
      if (transposed) std::swap(to, from);
      for (Index n = 0; n < blocks * L; ++n)
        y[u(at(n, to))] += static_cast<Real>(w[u(k)]) * static_cast<Real>(in[u(at(n, from))]);
    });
  }

  void check_products(bool transposed) {
    const std::vector<S> bias = random.integers<S>(width);
    const std::vector<S> from = random.integers<S>(width * blocks * L);
    for (int way = 0; way < 16; ++way) {
      CAPTURE(way);
      const bool with_bias = way & 1, with_from = way & 2, one = way & 4, two = way & 8;
      std::vector<Real> expected(from.size(), 0);
      for (std::size_t i = 0; i < from.size(); ++i) {
        if (with_bias) expected[i] += static_cast<Real>(bias[u(static_cast<Index>(i) / L % width)]);
        if (with_from) expected[i] += static_cast<Real>(from[i]);
      }
      if (one) add_product(W, x, transposed, expected);
      if (two) add_product(W2, x2, transposed, expected);
      std::vector<S> out = from;  // in place
      const Start<S> start{with_bias ? bias.data() : nullptr, with_from ? out.data() : nullptr};
      const Applied<S> first{one ? W.data() : nullptr, x.data()};
      const Applied<S> second{two ? W2.data() : nullptr, x2.data()};
      if (transposed)
        map->apply_transposed(blocks, start, first, second, out.data(), scratch);
      else
        map->apply(blocks, start, first, second, out.data(), scratch);
      CHECK(std::equal(out.begin(), out.end(), expected.begin()));
    }
  }

  void check_derivatives() {
    std::vector<S> dW = random.integers<S>(pattern->entries()), db = random.integers<S>(width);
    std::vector<Real> expected_dW(dW.begin(), dW.end()), expected_db(db.begin(), db.end());
    for_each_entry([&](Index i, Index j, Index k) {
      for (Index n = 0; n < blocks * L; ++n)
        expected_dW[u(k)] += static_cast<Real>(x2[u(at(n, i))]) * static_cast<Real>(x[u(at(n, j))]);
    });
    for (Index n = 0; n < blocks * L; ++n)
      for (Index i = 0; i < width; ++i) expected_db[u(i)] += static_cast<Real>(x2[u(at(n, i))]) / 2;
    map->add_outer(blocks, x2.data(), x.data(), dW.data(), scratch);
    CHECK(std::equal(dW.begin(), dW.end(), expected_dW.begin()));
    map->add_sums(blocks, x2.data(), db.data(), scratch, S(0.5));
    CHECK(std::equal(db.begin(), db.end(), expected_db.begin()));
  }

  void check_all() {
    CAPTURE(width);
    CAPTURE(pattern->entries());
    CAPTURE(blocks);
    check_products(false);
    check_products(true);
    check_derivatives();
  }

  PatternPtr pattern;
  Index blocks, width;
  Random random;
  MapPtr<S> map;
  std::vector<S> W, W2, x, x2;
  Buffer<S> memory;
  S* scratch;
};

std::string message(Index width, std::vector<Index> starts, const std::vector<Index>& columns) {
  try {
    const Pattern pattern(width, std::move(starts), columns);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE_TEMPLATE("sparse products, random patterns and chunks of any size", S, float, double) {
  Random random(20);
  for (const Index width : {1, 2, 7, 16, 33})
    for (const double share : {0.0, 0.05, 0.4, 1.0})
      for (const Index blocks : {1, 3, 4, 8, 11})
        Problem<S>(random_pattern(width, share, random), blocks).check_all();
}

TEST_CASE_TEMPLATE("a sample of a chunk has the same product in any company", S, float, double) {
  // bit for bit, for numbers that are rounded: chunks of other sizes must not change a result
  Random random(21);
  const PatternPtr pattern = random_pattern(19, 0.3, random);
  const Index block = 19 * kLanes<S>;
  const std::vector<S> W = random.vector<S>(pattern->entries()), x = random.vector<S>(7 * block);
  std::vector<S> all(u(7 * block)), one(u(block));
  for (const Lines* lines : {&pattern->rows(), &pattern->columns()}) {
    multiply<S>(*lines, 7, {}, {W.data(), x.data()}, {}, all.data());
    for (Index b = 0; b < 7; ++b) {
      multiply<S>(*lines, 1, {}, {W.data(), x.data() + b * block}, {}, one.data());
      CHECK(std::equal(one.begin(), one.end(), all.begin() + b * block));
    }
  }
}

TEST_CASE("a band has the diagonals that fit") {
  for (const Index width : {1, 2, 5, 9})
    for (const Index lower : {0, 1, 3, 20})
      for (const Index upper : {0, 2, 8}) {
        const Sparsity band{nullptr, lower, upper};
        const PatternPtr found = band.of(width);
        std::vector<Index> starts{0}, columns;
        for (Index i = 0; i < width; ++i) {
          for (Index j = 0; j < width; ++j)
            if (i - j <= lower && j - i <= upper) columns.push_back(j);
          starts.push_back(static_cast<Index>(columns.size()));
        }
        CHECK(band.entries(width) == static_cast<Index>(columns.size()));
        CHECK(found->rows().starts == starts);
        CHECK(std::equal(columns.begin(), columns.end(), found->rows().across.begin(),
                         found->rows().across.end()));
      }
  CHECK_FALSE(Sparsity{}.any());
  CHECK(Sparsity{nullptr, 0, 0}.any());
  CHECK(Sparsity{nullptr, Index{1} << 40, 3}.entries(2) == 4);
}

TEST_CASE("what is no pattern is named") {
  CHECK(message(3, {0, 1, 1, 3}, {2, 0, 1}) == "");
  CHECK(message(0, {0}, {}).find("pattern: expected from 1 to 2147483647 rows, got 0") == 0);
  CHECK(message(3, {0, 1, 2}, {0, 1}) == "pattern: expected 4 starts of rows and their end, got 3");
  CHECK(message(1, {0, 0}, {}).find("pattern: expected from 1 to 2147483647 entries, got 0") == 0);
  CHECK(message(2, {1, 1, 2}, {0, 1}) == "pattern: expected rows from 0 to 2, got 1 to 2");
  CHECK(message(2, {0, 1, 3}, {0, 1}) == "pattern: expected rows from 0 to 2, got 0 to 3");
  CHECK(message(3, {0, 2, 1, 2}, {0, 1}) == "pattern: row 1: expected an end from 2 to 2, got 1");
  CHECK(message(3, {0, 5, 1, 2}, {0, 1}) == "pattern: row 0: expected an end from 0 to 2, got 5");
  CHECK(message(2, {0, 1, 2}, {0, 2}) == "pattern: row 1: expected columns from 0 to 1, got 2");
  CHECK(message(2, {0, 1, 2}, {-1, 1}) == "pattern: row 0: expected columns from 0 to 1, got -1");
  CHECK(message(2, {0, 2, 2}, {1, 0}) ==
        "pattern: row 0: expected ascending columns, got 0 after 1");
  CHECK(message(2, {0, 2, 2}, {1, 1}) ==
        "pattern: row 0: expected ascending columns, got 1 after 1");
}
