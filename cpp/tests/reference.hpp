/// What the tests share: reproducible random numbers, and the network in plain loops and long double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "mgres/layout.hpp"
#include "mgres/loss.hpp"

namespace reference {

using mgres::Activation;
using mgres::Index;
using Real = long double;

/// Numbers that are the same with every standard library: mt19937_64 is, its distributions are not.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// Uniform on [low, high).
  double uniform(double low = -1, double high = 1) {
    return low + (high - low) * static_cast<double>(engine_() >> 11) * 0x1p-53;
  }

  /// From [0, n).
  Index below(Index n) { return static_cast<Index>(engine_() % static_cast<std::uint64_t>(n)); }

  template <class S>
  std::vector<S> vector(Index n, double low = -1, double high = 1) {
    std::vector<S> values(static_cast<std::size_t>(n));
    for (S& value : values) value = static_cast<S>(uniform(low, high));
    return values;
  }

  /// Small integers: their sums of products are exact, whatever the order.
  template <class S>
  std::vector<S> integers(Index n) {
    std::vector<S> values(static_cast<std::size_t>(n));
    for (S& value : values) value = static_cast<S>(below(7) - 3);
    return values;
  }

 private:
  std::mt19937_64 engine_;
};

template <class S>
std::string name() {
  return sizeof(S) == 4 ? "float" : "double";
}

constexpr Activation kActivations[] = {Activation::relu, Activation::tanh, Activation::logistic,
                                       Activation::identity, Activation::smooth_relu};

inline Real sigma(Activation activation, Real z) {
  const Real w = 0.1L;
  switch (activation) {
    case Activation::relu:
      return z > 0 ? z : 0;
    case Activation::tanh:
      return std::tanh(z);
    case Activation::logistic:
      return 1 / (1 + std::exp(-z));
    case Activation::identity:
      return z;
    case Activation::smooth_relu:
      return z <= -w ? 0 : z >= w ? z : (z + w) * (z + w) / (4 * w);
  }
  return 0;
}

inline Real slope(Activation activation, Real z) {
  const Real w = 0.1L;
  switch (activation) {
    case Activation::relu:
      return z > 0 ? 1 : 0;
    case Activation::tanh:
      return 1 - std::tanh(z) * std::tanh(z);
    case Activation::logistic:
      return sigma(activation, z) * (1 - sigma(activation, z));
    case Activation::identity:
      return 1;
    case Activation::smooth_relu:
      return z <= -w ? 0 : z >= w ? 1 : (z + w) / (2 * w);
  }
  return 0;
}

/// z = W y + b, W row-major.
template <class S>
std::vector<Real> affine(const S* W, const S* b, const std::vector<Real>& y, Index rows) {
  std::vector<Real> z(static_cast<std::size_t>(rows));
  const auto columns = static_cast<Index>(y.size());
  for (Index i = 0; i < rows; ++i) {
    Real sum = b == nullptr ? 0 : static_cast<Real>(b[i]);
    for (Index j = 0; j < columns; ++j)
      sum += static_cast<Real>(W[i * columns + j]) * y[static_cast<std::size_t>(j)];
    z[static_cast<std::size_t>(i)] = sum;
  }
  return z;
}

struct Result {
  Real value = 0;
  std::vector<Real> logits;
  std::vector<Real> gradient;
};

/// Loss of one sample; `z` becomes its derivative by the logits.  `t` is the target vector.
inline Real loss(mgres::Loss kind, std::vector<Real>& z, const std::vector<Real>& t) {
  Real sum = 0;
  if (kind == mgres::Loss::squared_error) {
    for (std::size_t c = 0; c < z.size(); ++c) {
      z[c] -= t[c];
      sum += z[c] * z[c] / 2;
    }
    return sum;
  }
  const Real largest = *std::max_element(z.begin(), z.end());
  Real total = 0, mass = 0, linear = 0;
  for (std::size_t c = 0; c < z.size(); ++c) {
    total += std::exp(z[c] - largest);
    mass += t[c];
    linear += t[c] * (z[c] - largest);
  }
  for (std::size_t c = 0; c < z.size(); ++c) z[c] = mass * std::exp(z[c] - largest) / total - t[c];
  return mass * std::log(total) - linear;
}

template <class S>
std::vector<Real> target(const mgres::Targets<S>& targets, Index sample, Index outputs) {
  std::vector<Real> t(static_cast<std::size_t>(outputs), 0);
  if (targets.labels != nullptr)
    t[static_cast<std::size_t>(targets.labels[sample])] = 1;
  else
    for (Index c = 0; c < outputs; ++c)
      t[static_cast<std::size_t>(c)] = targets.vectors[sample * outputs + c];
  return t;
}

/// The network sample by sample: logits, mean loss and its gradient.
template <class S>
Result evaluate(const mgres::ResNet& net, mgres::Loss kind, const S* theta, const S* inputs,
                Index samples, const mgres::Targets<S>& targets) {
  const mgres::Layout at(net);
  const Index v = net.width;
  const Real h = static_cast<Real>(net.step());
  Result result;
  result.gradient.assign(static_cast<std::size_t>(at.size), 0);
  Real* gradient = result.gradient.data();
  for (Index s = 0; s < samples; ++s) {
    const std::vector<Real> x(inputs + s * net.inputs, inputs + (s + 1) * net.inputs);
    std::vector<std::vector<Real>> y{affine<S>(theta, nullptr, x, v)}, z;
    for (Index k = 0; k < net.depth; ++k) {
      const S* W = theta + at.layers + k * at.layer;
      z.push_back(affine(W, W + v * v, y.back(), v));
      y.push_back(y.back());
      for (std::size_t i = 0; i < z.back().size(); ++i)
        y.back()[i] += h * sigma(net.activation, z.back()[i]);
    }
    std::vector<Real> g =
        affine(theta + at.closing, theta + at.closing_bias, y.back(), net.outputs);
    result.logits.insert(result.logits.end(), g.begin(), g.end());
    result.value += loss(kind, g, target(targets, s, net.outputs)) / static_cast<Real>(samples);

    std::vector<Real> a(static_cast<std::size_t>(v), 0);
    for (Index c = 0; c < net.outputs; ++c) {
      const Real gc = g[static_cast<std::size_t>(c)] / static_cast<Real>(samples);
      gradient[at.closing_bias + c] += gc;
      for (Index i = 0; i < v; ++i) {
        gradient[at.closing + c * v + i] += gc * y.back()[static_cast<std::size_t>(i)];
        a[static_cast<std::size_t>(i)] += static_cast<Real>(theta[at.closing + c * v + i]) * gc;
      }
    }
    for (Index k = net.depth - 1; k >= 0; --k) {
      const Index offset = at.layers + k * at.layer;
      const std::vector<Real> before = a;
      for (Index i = 0; i < v; ++i) {
        const auto ui = static_cast<std::size_t>(i);
        const auto uk = static_cast<std::size_t>(k);
        const Real si = h * slope(net.activation, z[uk][ui]) * before[ui];
        gradient[offset + v * v + i] += si;
        for (Index j = 0; j < v; ++j) {
          const auto uj = static_cast<std::size_t>(j);
          gradient[offset + i * v + j] += si * y[uk][uj];
          a[uj] += static_cast<Real>(theta[offset + i * v + j]) * si;
        }
      }
    }
    for (Index i = 0; i < v; ++i)
      for (Index j = 0; j < net.inputs; ++j)
        gradient[i * net.inputs + j] +=
            a[static_cast<std::size_t>(i)] * x[static_cast<std::size_t>(j)];
  }
  return result;
}

/// max |actual - expected| / max |expected|, in units of S's epsilon; infinite if a NaN is in it.
template <class S>
double error_in_epsilons(const S* actual, const std::vector<Real>& expected) {
  Real error = 0, scale = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Real difference = std::fabs(static_cast<Real>(actual[i]) - expected[i]);
    if (!(difference < std::numeric_limits<Real>::infinity())) return HUGE_VAL;
    error = std::max(error, difference);
    scale = std::max(scale, std::fabs(expected[i]));
  }
  if (error == 0) return 0;
  return static_cast<double>(error / scale) /
         static_cast<double>(std::numeric_limits<S>::epsilon());
}

}  // namespace reference
