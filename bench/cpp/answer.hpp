/// A benchmark's answer is compared with plain loops before it is timed.
#pragma once

#include <cmath>
#include <vector>

#include <benchmark/benchmark.h>

#include "reference.hpp"

namespace bench {

using reference::Real;

/// Return ||actual - expected|| / ||expected|| in the 2-norm.
template <class S>
double relative_error(const std::vector<S>& actual, const std::vector<Real>& expected) {
  Real error = 0, scale = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Real difference = static_cast<Real>(actual[i]) - expected[i];
    error += difference * difference;
    scale += expected[i] * expected[i];
  }
  return static_cast<double>(std::sqrt(error / scale));
}

/// Return whether the error is small; if not, `state` reports it and the program will fail.
bool accept(benchmark::State& state, double error, double tolerance);

/// How many answers were not accepted.
int wrong_answers();

}  // namespace bench
