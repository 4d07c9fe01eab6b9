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

constexpr Activation kActivations[] = {
    Activation::relu,        Activation::tanh,      Activation::logistic, Activation::identity,
    Activation::smooth_relu, Activation::silu,      Activation::gelu,     Activation::softplus,
    Activation::elu,         Activation::leaky_relu};

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
    case Activation::silu:
      return z / (1 + std::exp(-z));
    case Activation::gelu:
      return z * std::erfc(-z / std::sqrt(2.0L)) / 2;
    case Activation::softplus:
      return z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z));
    case Activation::elu:
      return z > 0 ? z : std::expm1(z);
    case Activation::leaky_relu:
      return z > 0 ? z : z / 100;
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
    case Activation::silu: {
      const Real s = 1 / (1 + std::exp(-z));
      return s + z * s * (1 - s);
    }
    case Activation::gelu:
      return std::erfc(-z / std::sqrt(2.0L)) / 2 +
             z * std::exp(-z * z / 2) / std::sqrt(8 * std::atan(1.0L));
    case Activation::softplus:
      return 1 / (1 + std::exp(-z));
    case Activation::elu:
      return z > 0 ? 1 : std::exp(z);
    case Activation::leaky_relu:
      return z > 0 ? 1 : 0.01L;
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

using Vector = std::vector<Real>;

/// Rows of W: half the width where W steps by halves.
inline Index layer_width(const mgres::ResNet& net) {
  return mgres::is_partitioned(net.block.kind) ? net.width / 2 : net.width;
}

/// `net` with another scheme, and for verlet with the block that it needs.
inline mgres::ResNet with_scheme(mgres::ResNet net, mgres::Scheme scheme, double substeps = 1) {
  net.scheme = scheme;
  net.substeps = substeps;
  if (scheme == mgres::Scheme::verlet) net.block.kind = mgres::BlockKind::hamiltonian;
  return net;
}

/// One layer's effective parameters in long double: W (n, n) and b (n).
struct Parameters {
  template <class S>
  Parameters(const mgres::ResNet& net, const S* layer)
      : n(layer_width(net)), values(layer, layer + n * n + n) {
    if (net.block.kind != mgres::BlockKind::antisymmetric) return;
    const Vector raw = values;
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j)
        at(i, j) = (raw[u(i * n + j)] - raw[u(j * n + i)]) / 2 -
                   (i == j ? static_cast<Real>(net.block.damping) : 0);
  }

  static std::size_t u(Index i) { return static_cast<std::size_t>(i); }
  Real& at(Index i, Index j) { return values[u(i * n + j)]; }
  Real at(Index i, Index j) const { return values[u(i * n + j)]; }

  /// z = W x + b, or W^T x + b.
  Vector affine(const Vector& x, bool transposed) const {
    Vector z(values.end() - n, values.end());
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j) z[u(i)] += (transposed ? at(j, i) : at(i, j)) * x[u(j)];
    return z;
  }

  Index n;
  Vector values;
};

/// F(x) = sigma(W x + b), or with W^T.
inline Vector F(const mgres::ResNet& net, const Parameters& p, const Vector& x,
                bool transposed = false) {
  Vector z = p.affine(x, transposed);
  for (Real& value : z) value = sigma(net.block.activation, value);
  return z;
}

/// (dF/dx)^T g; adds the derivatives by W and b to `gradient`.
inline Vector pull(const mgres::ResNet& net, const Parameters& p, const Vector& x, const Vector& g,
                   Vector& gradient, bool transposed = false) {
  Vector s = p.affine(x, transposed), result(x.size(), 0);
  const auto u = Parameters::u;
  for (Index i = 0; i < p.n; ++i) {
    s[u(i)] = slope(net.block.activation, s[u(i)]) * g[u(i)];
    gradient[u(p.n * p.n + i)] += s[u(i)];
    for (Index j = 0; j < p.n; ++j) {
      gradient[u(transposed ? j * p.n + i : i * p.n + j)] += s[u(i)] * x[u(j)];
      result[u(j)] += (transposed ? p.at(j, i) : p.at(i, j)) * s[u(i)];
    }
  }
  return result;
}

/// x + c y
inline Vector plus(Vector x, Real c, const Vector& y) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += c * y[i];
  return x;
}

inline Vector half(const Vector& y, bool second) {
  const auto middle = y.begin() + static_cast<Index>(y.size() / 2);
  return second ? Vector(middle, y.end()) : Vector(y.begin(), middle);
}

inline Vector joined(Vector p, const Vector& q) {
  p.insert(p.end(), q.begin(), q.end());
  return p;
}

/// y_{k+1} from y_k.
inline Vector step(const mgres::ResNet& net, const Parameters& p, const Vector& y) {
  const Real h = static_cast<Real>(net.step());
  const Real a = (static_cast<Real>(net.substeps) - 1) / (2 * static_cast<Real>(net.substeps));
  if (net.scheme == mgres::Scheme::verlet) {
    const Vector q = plus(half(y, true), -h, F(net, p, half(y, false), true));
    return joined(plus(half(y, false), h, F(net, p, q)), q);
  }
  const Vector k1 = F(net, p, y);
  if (net.scheme == mgres::Scheme::euler) return plus(y, h, k1);
  if (net.scheme == mgres::Scheme::matched)
    return plus(plus(y, h * (1 - a), k1), h * a, F(net, p, plus(y, h, k1)));
  const Vector k2 = F(net, p, plus(y, h / 2, k1));
  const Vector k3 = F(net, p, plus(y, h / 2, k2));
  const Vector k4 = F(net, p, plus(y, h, k3));
  return plus(plus(plus(plus(y, h / 6, k1), h / 3, k2), h / 3, k3), h / 6, k4);
}

/// dL/dy_k from g = dL/dy_{k+1}; adds the derivatives by the effective W and b to `gradient`.
inline Vector step_adjoint(const mgres::ResNet& net, const Parameters& p, const Vector& y,
                           const Vector& g, Vector& gradient) {
  const Real h = static_cast<Real>(net.step());
  const Real a = (static_cast<Real>(net.substeps) - 1) / (2 * static_cast<Real>(net.substeps));
  const auto times = [](Real c, const Vector& x) { return plus(Vector(x.size(), 0), c, x); };
  if (net.scheme == mgres::Scheme::verlet) {
    const Vector x = half(y, false);
    const Vector q = plus(half(y, true), -h, F(net, p, x, true));
    const Vector gp = half(g, false);
    const Vector gq = plus(half(g, true), 1, pull(net, p, q, times(h, gp), gradient));
    return joined(plus(gp, 1, pull(net, p, x, times(-h, gq), gradient, true)), gq);
  }
  if (net.scheme == mgres::Scheme::euler) return plus(g, 1, pull(net, p, y, times(h, g), gradient));
  if (net.scheme == mgres::Scheme::matched) {
    const Vector g2 = pull(net, p, plus(y, h, F(net, p, y)), times(h * a, g), gradient);
    const Vector g1 = pull(net, p, y, plus(times(h * (1 - a), g), h, g2), gradient);
    return plus(plus(g, 1, g2), 1, g1);
  }
  const Vector x2 = plus(y, h / 2, F(net, p, y));
  const Vector x3 = plus(y, h / 2, F(net, p, x2));
  const Vector x4 = plus(y, h, F(net, p, x3));
  const Vector g4 = pull(net, p, x4, times(h / 6, g), gradient);
  const Vector g3 = pull(net, p, x3, plus(times(h / 3, g), h, g4), gradient);
  const Vector g2 = pull(net, p, x2, plus(times(h / 3, g), h / 2, g3), gradient);
  const Vector g1 = pull(net, p, y, plus(times(h / 6, g), h / 2, g2), gradient);
  return plus(plus(plus(plus(g, 1, g4), 1, g3), 1, g2), 1, g1);
}

struct Result {
  Real value = 0;
  Vector logits;
  Vector gradient;
  Vector inputs;               // derivative by them
  std::vector<Vector> states;  // of the last sample
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
  Result result;
  result.gradient.assign(static_cast<std::size_t>(at.size), 0);
  Real* gradient = result.gradient.data();
  std::vector<Parameters> layers;
  for (Index k = 0; k < net.depth; ++k)
    layers.emplace_back(net, theta + at.layers[0] + k * at.layer[0]);
  for (Index s = 0; s < samples; ++s) {
    const Vector x(inputs + s * net.inputs, inputs + (s + 1) * net.inputs);
    std::vector<Vector>& y = result.states;
    y = {affine<S>(theta, nullptr, x, v)};
    for (const Parameters& layer : layers) y.push_back(step(net, layer, y.back()));
    Vector g = affine(theta + at.closing, theta + at.closing + net.outputs * net.width, y.back(),
                      net.outputs);
    result.logits.insert(result.logits.end(), g.begin(), g.end());
    result.value += loss(kind, g, target(targets, s, net.outputs)) / static_cast<Real>(samples);

    Vector a(static_cast<std::size_t>(v), 0);
    for (Index c = 0; c < net.outputs; ++c) {
      const Real gc = g[static_cast<std::size_t>(c)] / static_cast<Real>(samples);
      gradient[at.closing + net.outputs * net.width + c] += gc;
      for (Index i = 0; i < v; ++i) {
        gradient[at.closing + c * v + i] += gc * y.back()[static_cast<std::size_t>(i)];
        a[static_cast<std::size_t>(i)] += static_cast<Real>(theta[at.closing + c * v + i]) * gc;
      }
    }
    for (Index k = net.depth - 1; k >= 0; --k) {
      const auto uk = static_cast<std::size_t>(k);
      const Index n = layer_width(net);
      Vector of_layer(static_cast<std::size_t>(at.layer[0]), 0);
      a = step_adjoint(net, layers[uk], y[uk], a, of_layer);
      for (Index i = 0; i < at.layer[0]; ++i) {
        Real derivative = of_layer[static_cast<std::size_t>(i)];
        if (net.block.kind == mgres::BlockKind::antisymmetric && i < n * n)
          derivative = (derivative - of_layer[static_cast<std::size_t>(i % n * n + i / n)]) / 2;
        gradient[at.layers[0] + k * at.layer[0] + i] += derivative;
      }
    }
    Vector dx(x.size(), 0);
    for (Index i = 0; i < v; ++i)
      for (Index j = 0; j < net.inputs; ++j) {
        const auto uj = static_cast<std::size_t>(j);
        gradient[i * net.inputs + j] += a[static_cast<std::size_t>(i)] * x[uj];
        dx[uj] += static_cast<Real>(theta[i * net.inputs + j]) * a[static_cast<std::size_t>(i)];
      }
    result.inputs.insert(result.inputs.end(), dx.begin(), dx.end());
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
