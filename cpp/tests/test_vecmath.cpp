// exp, tanh, the logistic function and others against long double.
//
// Largest errors seen on two million points, in units in the last place (GCC 12, levels base, v3 and
// v4); the bounds asserted below leave a small margin for other compilers:
//
//               float   double
//   exp         1.21    1.15
//   tanh        3.05    3.02
//   logistic    2.44    2.41
//   expm1       1.69    1.82
//   softplus    2.67    2.54
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/vecmath.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;
using reference::Real;

namespace {

template <class S>
constexpr S kInfinity = std::numeric_limits<S>::infinity();
template <class S>
constexpr S kNaN = std::numeric_limits<S>::quiet_NaN();

/// Apply a vector function to any number of values.
template <class S, class F>
std::vector<S> apply(const F& f, std::vector<S> x) {
  const std::size_t n = x.size();
  x.resize(static_cast<std::size_t>(round_up(static_cast<Index>(n), kLanes<S>)), S(0));
  for (std::size_t i = 0; i < x.size(); i += static_cast<std::size_t>(kLanes<S>))
    store(x.data() + i, f(load(x.data() + i)));
  x.resize(n);
  return x;
}

template <class S>
S apply_one(Pack<S> (*f)(const Pack<S>&), S x) {
  return apply<S>(f, {x})[0];
}

/// Uniform on [-limit, limit], around multiples of ln(2)/2, and magnitudes down to subnormal ones.
template <class S>
std::vector<S> grid(double limit) {
  Random random(4);
  std::vector<S> x = random.vector<S>(400'000, -limit, limit);
  const std::vector<S> small = random.vector<S>(200'000, -2, 2);
  x.insert(x.end(), small.begin(), small.end());
  const double half_ln2 = 0.34657359027997264;
  for (double centre = -limit; centre <= limit; centre += half_ln2) {
    S near = static_cast<S>(std::round(centre / half_ln2) * half_ln2);
    for (int i = 0; i < 4; ++i, near = std::nextafter(near, kInfinity<S>))
      if (std::fabs(static_cast<double>(near)) <= limit) x.push_back(near);
  }
  for (int exponent = std::numeric_limits<S>::min_exponent - 60; exponent < 11; ++exponent)
    for (const double mantissa : {1.0, 1.1, 1.37, 1.9}) {
      const S magnitude = std::ldexp(static_cast<S>(mantissa), exponent);
      if (magnitude == 0 || static_cast<double>(magnitude) > limit) continue;
      x.push_back(magnitude);
      x.push_back(-magnitude);
    }
  x.push_back(static_cast<S>(limit));
  x.push_back(static_cast<S>(-limit));
  x.push_back(0);
  return x;
}

/// The largest error in units in the last place of the exact value.
template <class S, class F>
double largest_ulp_error(const F& exact, const std::vector<S>& x, const std::vector<S>& actual) {
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Real expected = exact(static_cast<Real>(x[i]));
    // the spacing of S at `expected`, subnormal numbers included
    const int exponent = std::max(std::ilogb(expected), std::numeric_limits<S>::min_exponent - 1);
    const Real ulp = std::scalbn(Real(1), exponent - std::numeric_limits<S>::digits + 1);
    const Real error = std::fabs(static_cast<Real>(actual[i]) - expected) / ulp;
    if (!(error <= worst)) worst = static_cast<double>(error);
  }
  return worst;
}

template <class S>
Pack<S> share_below(const Pack<S>& x) {
  Pack<S> below, density;
  normal_distribution<S>(x, below, density);
  return below;
}

template <class S>
Pack<S> bell(const Pack<S>& x) {
  Pack<S> below, density;
  normal_distribution<S>(x, below, density);
  return density;
}

template <class S>
struct Bounds;  // in ulp
template <>
struct Bounds<float> {
  static constexpr double exp = 1.4, tanh = 3.3, logistic = 2.7, expm1 = 2.7, softplus = 4;
  static constexpr double exp_limit = 87, tanh_limit = 10;
};
template <>
struct Bounds<double> {
  static constexpr double exp = 1.4, tanh = 3.3, logistic = 2.7, expm1 = 2.7, softplus = 4;
  static constexpr double exp_limit = 708, tanh_limit = 20;
};

}  // namespace

TEST_CASE_TEMPLATE("exp", S, float, double) {
  using B = Bounds<S>;
  const std::vector<S> x = grid<S>(B::exp_limit);
  const auto exact = [](Real t) { return std::exp(t); };
  const double worst = largest_ulp_error<S>(exact, x, apply<S>(mgres::exp<S>, x));
  MESSAGE("exp<", reference::name<S>(), ">: ", worst, " ulp");
  CHECK(worst < B::exp);

  CHECK(apply_one<S>(mgres::exp<S>, 0) == 1);
  const auto limit = static_cast<S>(B::exp_limit);
  const S largest = apply_one<S>(mgres::exp<S>, limit);
  const S smallest = apply_one<S>(mgres::exp<S>, -limit);
  CHECK(largest < kInfinity<S>);
  CHECK(smallest >= std::numeric_limits<S>::min());
  for (const S beyond : {limit * 2, std::numeric_limits<S>::max(), kInfinity<S>}) {
    CHECK(apply_one<S>(mgres::exp<S>, beyond) == largest);
    CHECK(apply_one<S>(mgres::exp<S>, -beyond) == smallest);
  }
  CHECK(std::isnan(apply_one<S>(mgres::exp<S>, kNaN<S>)));
}

TEST_CASE_TEMPLATE("tanh", S, float, double) {
  using B = Bounds<S>;
  const auto exact = [](Real t) { return std::tanh(t); };
  for (const double range : {B::tanh_limit * 1.5, 1.0}) {
    const std::vector<S> x = grid<S>(range);
    const double worst = largest_ulp_error<S>(exact, x, apply<S>(mgres::tanh<S>, x));
    MESSAGE("tanh<", reference::name<S>(), "> on [-", range, ", ", range, "]: ", worst, " ulp");
    CHECK(worst < B::tanh);
  }

  CHECK(apply_one<S>(mgres::tanh<S>, 0) == 0);
  for (const S large :
       {static_cast<S>(B::tanh_limit), S(1000), std::numeric_limits<S>::max(), kInfinity<S>}) {
    CHECK(apply_one<S>(mgres::tanh<S>, large) == 1);
    CHECK(apply_one<S>(mgres::tanh<S>, -large) == -1);
  }
  // tiny arguments, subnormal ones too, come back unchanged
  for (const S tiny : {std::numeric_limits<S>::min(), std::numeric_limits<S>::denorm_min(),
                       3 * std::numeric_limits<S>::denorm_min()}) {
    CHECK(apply_one<S>(mgres::tanh<S>, tiny) == tiny);
    CHECK(apply_one<S>(mgres::tanh<S>, -tiny) == -tiny);
  }
  CHECK(std::isnan(apply_one<S>(mgres::tanh<S>, kNaN<S>)));
}

TEST_CASE_TEMPLATE("tanh is odd and never leaves [-1, 1]", S, float, double) {
  const std::vector<S> x = grid<S>(30);
  std::vector<S> minus_x = x;
  for (S& value : minus_x) value = -value;
  const std::vector<S> t = apply<S>(mgres::tanh<S>, x);
  const std::vector<S> minus_t = apply<S>(mgres::tanh<S>, minus_x);
  std::size_t not_odd = 0, outside = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    not_odd += t[i] != -minus_t[i];
    outside += !(std::fabs(t[i]) <= 1);
  }
  CHECK(not_odd == 0);
  CHECK(outside == 0);
}

TEST_CASE_TEMPLATE("logistic", S, float, double) {
  using B = Bounds<S>;
  const std::vector<S> x = grid<S>(B::exp_limit);
  const auto exact = [](Real t) { return 1 / (1 + std::exp(-t)); };
  const double worst = largest_ulp_error<S>(exact, x, apply<S>(mgres::logistic<S>, x));
  MESSAGE("logistic<", reference::name<S>(), ">: ", worst, " ulp");
  CHECK(worst < B::logistic);

  CHECK(apply_one<S>(mgres::logistic<S>, 0) == S(0.5));
  for (const S beyond : {S(1000), std::numeric_limits<S>::max(), kInfinity<S>}) {
    CHECK(apply_one<S>(mgres::logistic<S>, beyond) == 1);
    const S smallest = apply_one<S>(mgres::logistic<S>, -beyond);
    CHECK(smallest >= 0);
    CHECK(smallest <= 4 * std::numeric_limits<S>::min());
  }
  CHECK(std::isnan(apply_one<S>(mgres::logistic<S>, kNaN<S>)));
}

TEST_CASE_TEMPLATE("expm1", S, float, double) {
  using B = Bounds<S>;
  const auto exact = [](Real t) { return std::expm1(t); };
  for (const double range : {B::exp_limit, 1.0}) {
    const std::vector<S> x = grid<S>(range);
    const double worst = largest_ulp_error<S>(exact, x, apply<S>(mgres::expm1<S>, x));
    MESSAGE("expm1<", reference::name<S>(), "> on [-", range, ", ", range, "]: ", worst, " ulp");
    CHECK(worst < B::expm1);
  }
  CHECK(apply_one<S>(mgres::expm1<S>, -kInfinity<S>) == -1);
  CHECK(std::isnan(apply_one<S>(mgres::expm1<S>, kNaN<S>)));
}

TEST_CASE_TEMPLATE("softplus", S, float, double) {
  using B = Bounds<S>;
  const auto exact = [](Real t) {
    return t > 0 ? t + std::log1p(std::exp(-t)) : std::log1p(std::exp(t));
  };
  for (const double range : {B::exp_limit, 3.0}) {
    const std::vector<S> x = grid<S>(range);
    const double worst = largest_ulp_error<S>(exact, x, apply<S>(mgres::softplus<S>, x));
    MESSAGE("softplus<", reference::name<S>(), "> on [-", range, ", ", range, "]: ", worst, " ulp");
    CHECK(worst < B::softplus);
  }
  const S largest = std::numeric_limits<S>::max();
  CHECK(apply_one<S>(mgres::softplus<S>, largest) == largest);
  CHECK(apply_one<S>(mgres::softplus<S>, -largest) < 4 * std::numeric_limits<S>::min());
  CHECK(std::isnan(apply_one<S>(mgres::softplus<S>, kNaN<S>)));
}

TEST_CASE_TEMPLATE("the normal distribution and its density", S, float, double) {
  // e^-t is as exact as t = x^2 / 2, which is rounded: its relative error grows with x^2
  const double limit = sizeof(S) == 4 ? 12 : 36;
  const std::vector<S> x = grid<S>(limit);
  const Real epsilon = std::numeric_limits<S>::epsilon();
  const Real smallest = std::numeric_limits<S>::min();
  const std::vector<S> below = apply<S>(share_below<S>, x), density = apply<S>(bell<S>, x);
  Real worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Real t = x[i];
    const Real expected[] = {std::erfc(-t / std::sqrt(Real(2))) / 2,
                             std::exp(-t * t / 2) / std::sqrt(8 * std::atan(Real(1)))};
    const Real actual[] = {below[i], density[i]};
    for (const int k : {0, 1}) {
      const Real error = std::fabs(actual[k] - expected[k]) / (expected[k] + smallest) / epsilon;
      if (!(error / (4 + t * t) <= worst)) worst = error / (4 + t * t);
    }
  }
  MESSAGE("normal_distribution<", reference::name<S>(), ">: ", static_cast<double>(worst),
          " (4 + x^2) epsilons");
  CHECK(worst < 1.3);
  const S largest = std::numeric_limits<S>::max();
  CHECK(apply<S>(share_below<S>, {largest, -largest}) == std::vector<S>{1, 0});
  CHECK(std::isnan(apply<S>(share_below<S>, {kNaN<S>})[0]));
}

TEST_CASE_TEMPLATE("one lane never influences another", S, float, double) {
  constexpr auto L = static_cast<std::size_t>(kLanes<S>);
  for (Pack<S> (*f)(const Pack<S>&) : {mgres::exp<S>, mgres::tanh<S>, mgres::logistic<S>}) {
    const std::vector<S> clean = apply<S>(f, std::vector<S>(L, S(0.7)));
    for (std::size_t lane = 0; lane < L; ++lane)
      for (const S odd : {kNaN<S>, kInfinity<S>, std::numeric_limits<S>::max(), S(-0.3)}) {
        std::vector<S> x(L, S(0.7));
        x[lane] = odd;
        const std::vector<S> result = apply<S>(f, x);
        for (std::size_t i = 0; i < L; ++i)
          if (i != lane) CHECK(result[i] == clean[i]);
      }
  }
}
