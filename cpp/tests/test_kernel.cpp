// One layer forward and backward, for every width up to 40, against plain loops in long double.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/kernel.hpp"
#include "mgres/simd.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;
using reference::Real;

namespace {

constexpr Index kLargestWidth = 40;
constexpr double kTolerance = 100;  // in epsilons of S, relative to the largest number

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

/// A layer with random parameters and everything that the kernel needs, exactly as large as it is
/// allowed to assume.
template <class S>
struct Case {
  Case(Index width_, Index blocks_, Activation activation_, std::uint64_t seed)
      : kernel(layer_kernel<S>(width_)),
        width(width_),
        blocks(blocks_),
        activation(activation_),
        random(seed),
        chunk(width * L * blocks),
        parameters(random.template vector<S>(width * width + width)),
        slopes(u(slopes_size<S>(activation, width, blocks)), S(1e9)),
        scratch(u(kernel.scratch_size(width, blocks)) + u(kAlign), S(1e9)) {}

  Layer<S> layer() const {
    return {parameters.data(), width, blocks, static_cast<S>(step), activation};
  }

  /// A step of Euler.
  void forward(const std::vector<S>& y, std::vector<S>& out, S* kept) const {
    const Update<S> euler{y.data(), out.data()};
    kernel.forward(layer(), y.data(), {&euler, 1}, kept);
  }

  /// Where feature i of sample s is found in a state.
  Index at(Index s, Index i) const { return (s / L * width + i) * L + s % L; }
  Index samples() const { return L * blocks; }

  /// The scratch is used as vectors, so it starts where a vector may.
  S* aligned_scratch() {
    auto address = reinterpret_cast<std::uintptr_t>(scratch.data());
    return reinterpret_cast<S*>((address + kVectorBytes - 1) / kVectorBytes * kVectorBytes);
  }

  static constexpr Index L = kLanes<S>;
  static constexpr Index kAlign = kLanes<S>;
  const LayerKernel<S>& kernel;
  Index width, blocks;
  Activation activation;
  double step = 0.25;
  Random random;
  Index chunk;
  std::vector<S> parameters, slopes, scratch;
};

/// W y + b of one sample.
template <class S>
std::vector<Real> preactivation(const Case<S>& c, const std::vector<S>& y, Index sample) {
  std::vector<Real> ys(u(c.width));
  for (Index i = 0; i < c.width; ++i) ys[u(i)] = y[u(c.at(sample, i))];
  return reference::affine(c.parameters.data(), c.parameters.data() + c.width * c.width, ys,
                           c.width);
}

template <class S>
void check_forward(Case<S> c) {
  CAPTURE(c.width);
  CAPTURE(c.blocks);
  CAPTURE(static_cast<int>(c.activation));
  const std::vector<S> y = c.random.template vector<S>(c.chunk);
  std::vector<S> out(y.size(), S(1e9)), without = out;
  c.forward(y, out, c.slopes.data());
  c.forward(y, without, nullptr);

  std::vector<Real> expected(u(c.chunk));
  for (Index s = 0; s < c.samples(); ++s) {
    const std::vector<Real> z = preactivation(c, y, s);
    for (Index i = 0; i < c.width; ++i)
      expected[u(c.at(s, i))] = y[u(c.at(s, i))] + c.step * reference::sigma(c.activation, z[u(i)]);
  }
  CHECK(reference::error_in_epsilons(out.data(), expected) < kTolerance);
  CHECK(without == out);
}

template <class S>
void check_backward(Case<S> c) {
  CAPTURE(c.width);
  CAPTURE(c.blocks);
  CAPTURE(static_cast<int>(c.activation));
  const std::vector<S> y = c.random.template vector<S>(c.chunk);
  const std::vector<S> last = c.random.template vector<S>(c.chunk);
  const std::vector<S> before = c.random.template vector<S>(c.width * c.width + c.width);
  std::vector<S> out(y.size());
  c.forward(y, out, c.slopes.data());
  std::vector<S> adjoint = last, gradient = before;
  c.kernel.backward(c.layer(), y.data(), c.slopes.data(), adjoint.data(), adjoint.data(),
                    gradient.data(), c.aligned_scratch());

  std::vector<Real> expected_adjoint(u(c.chunk));
  std::vector<Real> expected_gradient(before.begin(), before.end());
  for (Index sample = 0; sample < c.samples(); ++sample) {
    const std::vector<Real> z = preactivation(c, y, sample);
    std::vector<Real> s(u(c.width)), a(u(c.width));
    for (Index i = 0; i < c.width; ++i) {
      a[u(i)] = last[u(c.at(sample, i))];
      s[u(i)] = c.step * reference::slope(c.activation, z[u(i)]) * a[u(i)];
    }
    for (Index i = 0; i < c.width; ++i) {
      expected_gradient[u(c.width * c.width + i)] += s[u(i)];
      for (Index j = 0; j < c.width; ++j) {
        expected_gradient[u(i * c.width + j)] += s[u(i)] * static_cast<Real>(y[u(c.at(sample, j))]);
        a[u(j)] += s[u(i)] * static_cast<Real>(c.parameters[u(i * c.width + j)]);
      }
    }
    for (Index i = 0; i < c.width; ++i) expected_adjoint[u(c.at(sample, i))] = a[u(i)];
  }
  CHECK(reference::error_in_epsilons(adjoint.data(), expected_adjoint) < kTolerance);
  CHECK(reference::error_in_epsilons(gradient.data(), expected_gradient) < kTolerance);

  std::vector<S> without = last;
  c.kernel.backward(c.layer(), y.data(), c.slopes.data(), without.data(), without.data(), nullptr,
                    c.aligned_scratch());
  CHECK(without == adjoint);
}

}  // namespace

TEST_CASE_TEMPLATE("forward, every width", S, float, double) {
  std::uint64_t seed = 0;
  for (Index width = 1; width <= kLargestWidth; ++width)
    for (const Activation activation : reference::kActivations)
      for (const Index blocks : {1, 2, 3})
        check_forward(Case<S>(width, blocks, activation, ++seed));
}

TEST_CASE_TEMPLATE("backward, every width", S, float, double) {
  std::uint64_t seed = 1000;
  for (Index width = 1; width <= kLargestWidth; ++width)
    for (const Activation activation : reference::kActivations)
      for (const Index blocks : {1, 2, 3})
        check_backward(Case<S>(width, blocks, activation, ++seed));
}

TEST_CASE_TEMPLATE("several updates, and an adjoint of its own", S, float, double) {
  for (const Index width : {1, 3, 10, 20, 40})
    for (const Activation activation : reference::kActivations) {
      CAPTURE(width);
      CAPTURE(static_cast<int>(activation));
      Case<S> c(width, 3, activation, 17);
      const auto y = c.random.template vector<S>(c.chunk), from = y;
      const auto r = c.random.template vector<S>(c.chunk);
      std::vector<S> step(y.size()), one = y, two(y.size()), kept = c.slopes;
      c.forward(y, step, kept.data());
      const Update<S> updates[] = {{one.data(), one.data(), S(0.5)}, {nullptr, two.data(), S(-2)}};
      c.kernel.forward(c.layer(), y.data(), {updates, 2}, c.slopes.data());
      CHECK(std::memcmp(c.slopes.data(), kept.data(), kept.size() * sizeof(S)) == 0);
      std::vector<Real> of_one(y.size()), of_two(y.size());
      for (std::size_t i = 0; i < y.size(); ++i) {
        const Real G = static_cast<Real>(step[i]) - static_cast<Real>(y[i]);
        of_one[i] = static_cast<Real>(from[i]) + G / 2;
        of_two[i] = -2 * G;
      }
      CHECK(reference::error_in_epsilons(one.data(), of_one) < kTolerance);
      CHECK(reference::error_in_epsilons(two.data(), of_two) < 20 * kTolerance);

      std::vector<S> whole = r, share(r.size(), S(0));
      std::vector<S> gradient(c.parameters.size(), S(0)), same = gradient;
      c.kernel.backward(c.layer(), y.data(), c.slopes.data(), whole.data(), whole.data(),
                        gradient.data(), c.aligned_scratch());
      c.kernel.backward(c.layer(), y.data(), c.slopes.data(), r.data(), share.data(), same.data(),
                        c.aligned_scratch());
      CHECK(gradient == same);
      std::vector<Real> sum(r.size());
      for (std::size_t i = 0; i < r.size(); ++i)
        sum[i] = static_cast<Real>(r[i]) + static_cast<Real>(share[i]);
      CHECK(reference::error_in_epsilons(whole.data(), sum) < kTolerance);
    }
}

TEST_CASE_TEMPLATE("large widths", S, float, double) {
  for (const Index width : {64, 100})
    for (const Activation activation : {Activation::relu, Activation::tanh}) {
      check_forward(Case<S>(width, 3, activation, 1));
      check_backward(Case<S>(width, 3, activation, 2));
    }
}

TEST_CASE_TEMPLATE("no blocks, nothing to do", S, float, double) {
  for (const Index width : {3, 20, 40}) {
    Case<S> c(width, 0, Activation::tanh, 3);
    std::vector<S> gradient(u(width * width + width), S(3)), before = gradient;
    std::vector<S> nothing;
    c.forward(nothing, nothing, nullptr);
    c.kernel.backward(c.layer(), nullptr, nullptr, nullptr, nullptr, gradient.data(),
                      c.aligned_scratch());
    CHECK(gradient == before);
  }
}

TEST_CASE_TEMPLATE("relu has derivative 0 at 0", S, float, double) {
  for (const Index width : {3, 20, 40}) {
    Case<S> c(width, 1, Activation::relu, 4);
    const std::vector<S> y(u(c.chunk), S(1)), last = c.random.template vector<S>(c.chunk);
    std::fill(c.parameters.begin(), c.parameters.end(), S(0));
    std::vector<S> out(y.size()), adjoint = last, gradient(c.parameters.size(), S(0));
    c.forward(y, out, c.slopes.data());
    CHECK(out == y);
    c.kernel.backward(c.layer(), y.data(), c.slopes.data(), adjoint.data(), adjoint.data(),
                      gradient.data(), c.aligned_scratch());
    CHECK(adjoint == last);
    CHECK(gradient == c.parameters);
  }
}

TEST_CASE_TEMPLATE("a NaN shows in its own sample and in no other", S, float, double) {
  for (const Index width : {3, 20, 40})
    for (const Activation activation : reference::kActivations)
      for (const bool with_slopes : {false, true}) {
        CAPTURE(static_cast<int>(activation));
        Case<S> c(width, 2, activation, 5);
        std::vector<S> y(u(c.chunk), S(1)), out = y;
        std::fill(c.parameters.begin(), c.parameters.end(), S(0.5));
        y[u(c.at(1, 0))] = std::numeric_limits<S>::quiet_NaN();
        c.forward(y, out, with_slopes ? c.slopes.data() : nullptr);
        for (Index s = 0; s < c.samples(); ++s)
          for (Index i = 0; i < width; ++i) CHECK(std::isnan(out[u(c.at(s, i))]) == (s == 1));
      }
}
