// Passes over flat vectors, in the cache and in memory.
#include <cmath>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include "answer.hpp"
#include "mgres/update.hpp"

using namespace mgres;
using bench::Real;

namespace {

using Number = float;
using Vector = std::vector<Number>;

constexpr double kTolerance = 1e-6;

Vector random_vector(const benchmark::State& state, std::uint64_t seed, double low = -1) {
  return reference::Random(seed).vector<Number>(state.range(0), low);
}

/// Time `pass`, which reads and writes `numbers` numbers for each entry of the vectors.
template <class Pass>
void time_passes(benchmark::State& state, Index numbers, const Pass& pass) {
  for (auto _ : state) {
    pass();
    benchmark::ClobberMemory();
  }
  const Index bytes = numbers * state.range(0) * static_cast<Index>(sizeof(Number));
  state.SetBytesProcessed(state.iterations() * bytes);
}

void dot(benchmark::State& state) {
  const Vector x = random_vector(state, 1, 0), y = random_vector(state, 2, 0);
  const auto pass = [&] { return mgres::dot(state.range(0), x.data(), y.data()); };
  Real expected = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    expected += static_cast<Real>(x[i]) * static_cast<Real>(y[i]);
  const std::vector<double> actual = {pass()};
  if (!bench::accept(state, bench::relative_error(actual, {expected}), kTolerance)) return;
  time_passes(state, 2, [&] { benchmark::DoNotOptimize(pass()); });
}

void axpy(benchmark::State& state) {
  const Number alpha = Number(0.25);
  const Vector x = random_vector(state, 1);
  Vector y = random_vector(state, 2);
  std::vector<Real> expected(y.begin(), y.end());
  for (std::size_t i = 0; i < x.size(); ++i) expected[i] += static_cast<Real>(alpha) * x[i];
  const auto pass = [&] { mgres::axpy(state.range(0), alpha, x.data(), y.data()); };
  pass();
  if (!bench::accept(state, bench::relative_error(y, expected), kTolerance)) return;
  time_passes(state, 3, pass);
}

void add_square(benchmark::State& state) {
  const double weight = 0.125;
  const Vector x = random_vector(state, 1);
  Vector gradient = random_vector(state, 2);
  std::vector<Real> expected(gradient.begin(), gradient.end());
  Real sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    expected[i] += 2 * static_cast<Real>(weight) * x[i];
    sum += static_cast<Real>(weight) * x[i] * x[i];
  }
  const auto pass = [&] {
    return mgres::add_square(state.range(0), weight, x.data(), gradient.data());
  };
  const std::vector<double> value = {pass()};
  if (!bench::accept(state, bench::relative_error(value, {sum}), kTolerance)) return;
  if (!bench::accept(state, bench::relative_error(gradient, expected), kTolerance)) return;
  time_passes(state, 3, [&] { benchmark::DoNotOptimize(pass()); });
}

constexpr double kRate = 1e-3, kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
constexpr long long kSteps = 3;

/// What one step of Adam makes of one entry.
Real adam_entry(Real x, Real g, Real m, Real v) {
  const Real b1 = kBeta1, b2 = kBeta2, t = kSteps;
  const Real mean = (b1 * m + (1 - b1) * g) / (1 - std::pow(b1, t));
  const Real square = (b2 * v + (1 - b2) * g * g) / (1 - std::pow(b2, t));
  return x - kRate * mean / (std::sqrt(square) + kEpsilon);
}

void adam(benchmark::State& state) {
  const Vector g = random_vector(state, 1);
  Vector x = random_vector(state, 2), m = random_vector(state, 3), v = random_vector(state, 4, 0);
  std::vector<Real> expected;
  for (std::size_t i = 0; i < x.size(); ++i) expected.push_back(adam_entry(x[i], g[i], m[i], v[i]));
  const auto pass = [&] {
    mgres::adam(state.range(0), x.data(), g.data(), m.data(), v.data(), kRate, kBeta1, kBeta2,
                kEpsilon, kSteps);
  };
  pass();
  if (!bench::accept(state, bench::relative_error(x, expected), kTolerance)) return;
  time_passes(state, 7, pass);
}

}  // namespace

#define MGRES_BENCHMARK(function, name) \
  BENCHMARK(function)                   \
      ->Name(name)                      \
      ->ArgName("size")                 \
      ->Arg(1 << 14)                    \
      ->Arg(1 << 22)                    \
      ->UseRealTime()                   \
      ->Unit(benchmark::kMicrosecond)

MGRES_BENCHMARK(dot, "dot");
MGRES_BENCHMARK(axpy, "axpy");
MGRES_BENCHMARK(add_square, "add_square");
MGRES_BENCHMARK(adam, "adam");
