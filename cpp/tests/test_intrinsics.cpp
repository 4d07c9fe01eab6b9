// Intrinsics and their portable twins.
#include <cmath>
#include <limits>

#include <doctest/doctest.h>

#include "mgres/intrinsics.hpp"
#include "reference.hpp"

using namespace mgres;

namespace {

template <class S>
Pack<S> special_values(int shift) {
  using Limits = std::numeric_limits<S>;
  const S values[] = {S(0),
                      S(-0.0),
                      S(1),
                      S(-1),
                      Limits::denorm_min(),
                      -Limits::min(),
                      Limits::infinity(),
                      -Limits::infinity(),
                      Limits::quiet_NaN()};
  Pack<S> v;
  for (int l = 0; l < kLanes<S>; ++l) v[l] = values[(l + shift) % 9];
  return v;
}

}  // namespace

TEST_CASE_TEMPLATE("above_zero and its portable twin by definition", S, float, double) {
  for (int shift = 0; shift < 9; ++shift) {
    const Pack<S> v = special_values<S>(shift);
    const LaneMask<S> mask = above_zero<S>(v);
    CHECK(mask == portable::above_zero<S>(v));
    for (int l = 0; l < kLanes<S>; ++l) CHECK(((mask >> l) & 1) == (v[l] <= 0 ? 0 : 1));
    CHECK((mask >> kLanes<S>) == 0);
  }
}

TEST_CASE_TEMPLATE("keep and its portable twin by definition", S, float, double) {
  reference::Random random(1);
  Pack<S> v;
  for (int l = 0; l < kLanes<S>; ++l) v[l] = static_cast<S>(random.uniform());
  for (int bits = 0; bits < 1 << kLanes<S>; bits += 1 + bits / 50) {
    const auto mask = static_cast<LaneMask<S>>(bits);
    const Pack<S> kept = keep<S>(mask, v), twin = portable::keep<S>(mask, v);
    for (int l = 0; l < kLanes<S>; ++l) {
      CHECK(kept[l] == ((bits >> l & 1) != 0 ? v[l] : S(0)));
      CHECK(twin[l] == kept[l]);
    }
  }
}

TEST_CASE_TEMPLATE("min and max and their portable twins by definition", S, float, double) {
  const auto same = [](S a, S b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  for (int i = 0; i < 9; ++i)
    for (int j = 0; j < 9; ++j) {
      const Pack<S> a = special_values<S>(i), b = special_values<S>(j);
      const Pack<S> least = min<S>(a, b), most = max<S>(a, b);
      const Pack<S> least_twin = portable::min<S>(a, b), most_twin = portable::max<S>(a, b);
      for (int l = 0; l < kLanes<S>; ++l) {
        CHECK(same(least[l], a[l] < b[l] ? a[l] : b[l]));
        CHECK(same(most[l], a[l] > b[l] ? a[l] : b[l]));
        CHECK(same(least_twin[l], least[l]));
        CHECK(same(most_twin[l], most[l]));
      }
    }
}
