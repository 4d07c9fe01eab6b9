#include <cmath>
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/update.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;
using reference::Real;

namespace {

constexpr Index kSizes[] = {0, 1, 15, 16, 17, 33, 1000};

template <class S>
constexpr double kEpsilon = static_cast<double>(std::numeric_limits<S>::epsilon());

}  // namespace

TEST_CASE_TEMPLATE("dot accumulates in double", S, float, double) {
  Random random(1);
  for (const Index n : kSizes) {
    CAPTURE(n);
    const std::vector<S> x = random.vector<S>(n), y = random.vector<S>(n);
    Real expected = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
      expected += static_cast<Real>(x[i]) * static_cast<Real>(y[i]);
    CHECK(std::fabs(dot(n, x.data(), y.data()) - expected) <=
          kEpsilon<double> * static_cast<double>(n));
  }
  // in single precision this sum is off by whole numbers
  const std::vector<S> tenth(1'000'000, S(0.1)), one(1'000'000, S(1));
  const double expected = 1e6 * static_cast<double>(S(0.1));
  CHECK(dot(1'000'000, tenth.data(), one.data()) == doctest::Approx(expected).epsilon(1e-12));
}

TEST_CASE_TEMPLATE("axpy", S, float, double) {
  Random random(2);
  for (const Index n : kSizes) {
    const std::vector<S> x = random.integers<S>(n), y = random.integers<S>(n);
    std::vector<S> result = y;
    axpy(n, S(-2.5), x.data(), result.data());
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(result[i] == y[i] - S(2.5) * x[i]);
  }
}

TEST_CASE_TEMPLATE("add_square returns weight |x|^2 and adds 2 weight x", S, float, double) {
  Random random(3);
  for (const Index n : kSizes) {
    const std::vector<S> x = random.integers<S>(n), g = random.integers<S>(n);
    std::vector<S> gradient = g;
    double expected = 0;
    for (const S xi : x) expected += 0.25 * static_cast<double>(xi) * static_cast<double>(xi);
    CHECK(add_square(n, 0.25, x.data(), gradient.data()) == expected);
    CHECK(add_square<S>(n, 0.25, x.data(), nullptr) == expected);
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(gradient[i] == g[i] + S(0.5) * x[i]);
  }
}

TEST_CASE_TEMPLATE("adam, several steps, against its formula", S, float, double) {
  Random random(4);
  const Real rate = 0.01L, beta1 = 0.9L, beta2 = 0.999L, epsilon = 1e-8L;
  for (const Index n : kSizes) {
    CAPTURE(n);
    std::vector<S> x = random.vector<S>(n), m(x.size(), S(0)), v(x.size(), S(0));
    std::vector<Real> ex(x.begin(), x.end()), em(x.size(), 0), ev(x.size(), 0);
    for (int step = 1; step <= 5; ++step) {
      const std::vector<S> g = random.vector<S>(n);
      adam(n, x.data(), g.data(), m.data(), v.data(), 0.01, 0.9, 0.999, 1e-8, step);
      for (std::size_t i = 0; i < x.size(); ++i) {
        em[i] = beta1 * em[i] + (1 - beta1) * static_cast<Real>(g[i]);
        ev[i] = beta2 * ev[i] + (1 - beta2) * static_cast<Real>(g[i]) * static_cast<Real>(g[i]);
        const Real m_hat = em[i] / (1 - std::pow(beta1, static_cast<Real>(step)));
        const Real v_hat = ev[i] / (1 - std::pow(beta2, static_cast<Real>(step)));
        ex[i] -= rate * m_hat / (std::sqrt(v_hat) + epsilon);
      }
    }
    CHECK(reference::error_in_epsilons(x.data(), ex) < 10);
    CHECK(reference::error_in_epsilons(m.data(), em) < 20);
    CHECK(reference::error_in_epsilons(v.data(), ev) < 200);  // 1 - beta2 cancels in S
  }
}
