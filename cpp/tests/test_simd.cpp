#include <cmath>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/simd.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;

namespace {

template <class S>
std::vector<S> lanes_of(const Pack<S>& pack) {
  std::vector<S> lanes(static_cast<std::size_t>(kLanes<S>));
  store(lanes.data(), pack);
  return lanes;
}

}  // namespace

TEST_CASE_TEMPLATE("a vector fills one register", S, float, double) {
  CHECK(sizeof(Pack<S>) == kVectorBytes);
  CHECK(kLanes<S> * sizeof(S) == kVectorBytes);
  CHECK((kLanes<S> & (kLanes<S> - 1)) == 0);
}

TEST_CASE_TEMPLATE("load and store work at any address and touch one vector only", S, float,
                   double) {
  constexpr Index L = kLanes<S>;
  Random random(1);
  const std::vector<S> from = random.vector<S>(3 * L);
  for (Index offset = 0; offset < L; ++offset) {
    std::vector<S> to(static_cast<std::size_t>(3 * L), S(-7));
    store(to.data() + offset, load(from.data() + offset + 1));
    for (Index i = 0; i < 3 * L; ++i) {
      const bool inside = i >= offset && i < offset + L;
      CHECK(to[static_cast<std::size_t>(i)] ==
            (inside ? from[static_cast<std::size_t>(i + 1)] : S(-7)));
    }
  }
}

TEST_CASE_TEMPLATE("sum_lanes puts the sum of vector i into lane i", S, float, double) {
  constexpr int L = kLanes<S>;
  // one lane of one vector at a time: a lane that ends up in the wrong place cannot hide
  for (int vector = 0; vector < L; ++vector)
    for (int lane = 0; lane < L; ++lane) {
      Pack<S> v[L] = {};
      v[vector][lane] = 1;
      const std::vector<S> sums = lanes_of<S>(sum_lanes<S>(v));
      for (int i = 0; i < L; ++i)
        CHECK(sums[static_cast<std::size_t>(i)] == (i == vector ? S(1) : S(0)));
    }
  Random random(2);
  for (int round = 0; round < 20; ++round) {
    const std::vector<S> numbers = random.integers<S>(L * L);
    Pack<S> v[L];
    for (int i = 0; i < L; ++i) v[i] = load(numbers.data() + i * L);
    const std::vector<S> sums = lanes_of<S>(sum_lanes<S>(v));
    for (int i = 0; i < L; ++i) {
      S expected = 0;
      for (int l = 0; l < L; ++l) expected += numbers[static_cast<std::size_t>(i * L + l)];
      CHECK(sums[static_cast<std::size_t>(i)] == expected);
    }
  }
}

TEST_CASE_TEMPLATE("transpose", S, float, double) {
  constexpr int L = kLanes<S>;
  Pack<S> rows[L];
  for (int i = 0; i < L; ++i)
    for (int j = 0; j < L; ++j) rows[i][j] = static_cast<S>(100 * i + j);
  transpose<S>(rows);
  for (int i = 0; i < L; ++i)
    for (int j = 0; j < L; ++j) {
      const S found = rows[i][j];
      CHECK(found == static_cast<S>(100 * j + i));
    }
}

TEST_CASE_TEMPLATE("broadcast keeps every value", S, float, double) {
  using Limits = std::numeric_limits<S>;
  for (const S value : {S(0), S(-0.0), S(1.5), Limits::denorm_min(), Limits::max(),
                        Limits::infinity(), -Limits::infinity()})
    for (const S lane : lanes_of<S>(broadcast(value))) {
      CHECK(lane == value);
      CHECK(std::signbit(lane) == std::signbit(value));
    }
  for (const S lane : lanes_of<S>(broadcast(Limits::quiet_NaN()))) CHECK(std::isnan(lane));
}

TEST_CASE_TEMPLATE("select, min and max go lane by lane", S, float, double) {
  Random random(3);
  for (int round = 0; round < 20; ++round) {
    const std::vector<S> a = random.integers<S>(kLanes<S>);
    const std::vector<S> b = random.integers<S>(kLanes<S>);
    const Pack<S> pa = load(a.data()), pb = load(b.data());
    const std::vector<S> chosen = lanes_of<S>(select<S>(pa == pb, pa + 10, pb - 10));
    const std::vector<S> low = lanes_of<S>(min<S>(pa, pb));
    const std::vector<S> high = lanes_of<S>(max<S>(pa, pb));
    for (std::size_t i = 0; i < a.size(); ++i) {
      CHECK(chosen[i] == (a[i] == b[i] ? a[i] + 10 : b[i] - 10));
      CHECK(low[i] == std::min(a[i], b[i]));
      CHECK(high[i] == std::max(a[i], b[i]));
    }
  }
}
