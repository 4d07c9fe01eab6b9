// Layers forward and backward, for every width up to 40, against plain loops in long double.
#include <algorithm>
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/kernel.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;
using reference::Real;

namespace {

constexpr Index kLargestWidth = 40;
constexpr double kTolerance = 100;  // in epsilons of S, relative to the largest number

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

/// A segment with random parameters and everything that the kernel needs, exactly as large as it is
/// allowed to assume.
template <class S>
struct Case {
  Case(Index width_, Index layers_, Index blocks_, Activation activation_, std::uint64_t seed)
      : kernel(layer_kernel<S>(width_)),
        width(width_),
        layers(layers_),
        blocks(blocks_),
        activation(activation_),
        random(seed),
        layer(width * width + width),
        chunk(width * kernel.lanes * blocks),
        parameters(random.template vector<S>(layers * layer)),
        scratch(u(kernel.scratch_size(width, blocks)), S(1e9)) {}

  Segment<S> segment() const {
    return {parameters.data(), layers, width, blocks, static_cast<S>(step), activation};
  }

  /// Where feature i of sample s is found in a state.
  Index at(Index s, Index i) const {
    return (s / kernel.lanes * width + i) * kernel.lanes + s % kernel.lanes;
  }
  Index samples() const { return kernel.lanes * blocks; }

  const LayerKernel<S>& kernel;
  Index width, layers, blocks;
  Activation activation;
  double step = 0.25;
  Random random;
  Index layer, chunk;
  std::vector<S> parameters, scratch;
};

template <class S>
void check_forward(Case<S> c) {
  CAPTURE(c.width);
  CAPTURE(c.layers);
  CAPTURE(c.blocks);
  CAPTURE(static_cast<int>(c.activation));
  const std::vector<S> start = c.random.template vector<S>(c.chunk);
  std::vector<S> end = start, states(u(c.layers * c.chunk)), slopes(u(c.layers * c.chunk));
  c.kernel.forward(c.segment(), end.data(), states.data(), slopes.data(), c.scratch.data());

  std::vector<Real> expected_end(u(c.chunk)), expected_states(states.size());
  Index wrong_slopes = 0;
  for (Index s = 0; s < c.samples(); ++s) {
    std::vector<Real> y(u(c.width));
    for (Index i = 0; i < c.width; ++i) y[u(i)] = start[u(c.at(s, i))];
    for (Index k = 0; k < c.layers; ++k) {
      const S* W = c.parameters.data() + k * c.layer;
      const std::vector<Real> z = reference::affine(W, W + c.width * c.width, y, c.width);
      for (Index i = 0; i < c.width; ++i) {
        const Index here = k * c.chunk + c.at(s, i);
        expected_states[u(here)] = y[u(i)];
        // where the derivative jumps, rounding may decide between its two sides
        const bool jump = c.activation == Activation::relu && std::fabs(z[u(i)]) < 1e-4L;
        const Real expected = c.step * reference::slope(c.activation, z[u(i)]);
        const Real epsilon = std::numeric_limits<S>::epsilon();
        wrong_slopes += !jump && !(std::fabs(slopes[u(here)] - expected) <= 200 * epsilon);
        y[u(i)] += c.step * reference::sigma(c.activation, z[u(i)]);
      }
    }
    for (Index i = 0; i < c.width; ++i) expected_end[u(c.at(s, i))] = y[u(i)];
  }
  CHECK(reference::error_in_epsilons(end.data(), expected_end) < kTolerance);
  CHECK(reference::error_in_epsilons(states.data(), expected_states) < kTolerance);
  CHECK(wrong_slopes == 0);

  std::vector<S> without = start;
  c.kernel.forward(c.segment(), without.data(), nullptr, nullptr, c.scratch.data());
  CHECK(without == end);
}

/// The adjoint is linear in states, slopes and adjoint: all three random, no activation involved.
template <class S>
void check_backward(Case<S> c) {
  CAPTURE(c.width);
  CAPTURE(c.layers);
  CAPTURE(c.blocks);
  const std::vector<S> states = c.random.template vector<S>(c.layers * c.chunk);
  const std::vector<S> slopes = c.random.template vector<S>(c.layers * c.chunk, 0, 0.25);
  const std::vector<S> last = c.random.template vector<S>(c.chunk);
  const std::vector<S> before = c.random.template vector<S>(c.layers * c.layer);
  std::vector<S> adjoint = last, gradient = before;
  c.kernel.backward(c.segment(), states.data(), slopes.data(), adjoint.data(), gradient.data(),
                    c.scratch.data());

  std::vector<Real> expected_adjoint(u(c.chunk));
  std::vector<Real> expected_gradient(before.begin(), before.end());
  for (Index sample = 0; sample < c.samples(); ++sample) {
    std::vector<Real> a(u(c.width));
    for (Index i = 0; i < c.width; ++i) a[u(i)] = last[u(c.at(sample, i))];
    for (Index k = c.layers - 1; k >= 0; --k) {
      std::vector<Real> s = a;
      for (Index i = 0; i < c.width; ++i) s[u(i)] *= slopes[u(k * c.chunk + c.at(sample, i))];
      for (Index i = 0; i < c.width; ++i) {
        expected_gradient[u(k * c.layer + c.width * c.width + i)] += s[u(i)];
        for (Index j = 0; j < c.width; ++j) {
          expected_gradient[u(k * c.layer + i * c.width + j)] +=
              s[u(i)] * static_cast<Real>(states[u(k * c.chunk + c.at(sample, j))]);
          a[u(j)] += s[u(i)] * static_cast<Real>(c.parameters[u(k * c.layer + i * c.width + j)]);
        }
      }
    }
    for (Index i = 0; i < c.width; ++i) expected_adjoint[u(c.at(sample, i))] = a[u(i)];
  }
  CHECK(reference::error_in_epsilons(adjoint.data(), expected_adjoint) < kTolerance);
  CHECK(reference::error_in_epsilons(gradient.data(), expected_gradient) < kTolerance);

  std::vector<S> without = last;
  c.kernel.backward(c.segment(), states.data(), slopes.data(), without.data(), nullptr,
                    c.scratch.data());
  CHECK(without == adjoint);
}

}  // namespace

TEST_CASE_TEMPLATE("forward, every width", S, float, double) {
  std::uint64_t seed = 0;
  for (Index width = 1; width <= kLargestWidth; ++width)
    for (const Activation activation : reference::kActivations)
      for (const Index layers : {1, 3}) {
        const Index blocks = 1 + static_cast<Index>(seed % 3);
        check_forward(Case<S>(width, layers, blocks, activation, ++seed));
      }
}

TEST_CASE_TEMPLATE("backward, every width", S, float, double) {
  std::uint64_t seed = 1000;
  for (Index width = 1; width <= kLargestWidth; ++width)
    for (const Index layers : {1, 3})
      for (const Index blocks : {1, 2, 3})
        check_backward(Case<S>(width, layers, blocks, Activation::relu, ++seed));
}

TEST_CASE_TEMPLATE("large widths", S, float, double) {
  for (const Index width : {64, 100}) {
    check_forward(Case<S>(width, 2, 2, Activation::tanh, 1));
    check_backward(Case<S>(width, 2, 2, Activation::tanh, 2));
  }
}

TEST_CASE_TEMPLATE("a segment without layers or blocks does nothing", S, float, double) {
  for (const Index width : {3, 20}) {
    Case<S> c(width, 0, 2, Activation::tanh, 3);
    const std::vector<S> start = c.random.template vector<S>(c.chunk);
    std::vector<S> state = start;
    c.kernel.forward(c.segment(), state.data(), nullptr, nullptr, c.scratch.data());
    CHECK(state == start);
    c.kernel.backward(c.segment(), nullptr, nullptr, state.data(), nullptr, c.scratch.data());
    CHECK(state == start);
  }
}

TEST_CASE_TEMPLATE("relu has derivative 0 at 0, and NaN stays NaN", S, float, double) {
  const S nan = std::numeric_limits<S>::quiet_NaN();
  for (const Index width : {3, 20})
    for (const Activation activation : reference::kActivations) {
      CAPTURE(static_cast<int>(activation));
      Case<S> c(width, 1, 1, activation, 4);
      std::vector<S> state(u(c.chunk), S(0)), states = state, slopes = state;
      std::fill(c.parameters.begin(), c.parameters.end(), S(0));
      c.kernel.forward(c.segment(), state.data(), states.data(), slopes.data(), c.scratch.data());
      if (activation == Activation::relu) {
        CHECK(std::all_of(slopes.begin(), slopes.end(), [](S slope) { return slope == 0; }));
        CHECK(std::all_of(state.begin(), state.end(), [](S value) { return value == 0; }));
      }
      // one sample that went wrong must show, and must not spread to its neighbours
      std::fill(state.begin(), state.end(), S(1));
      std::fill(c.parameters.begin(), c.parameters.end(), S(0.5));
      state[u(c.at(1, 0))] = nan;
      c.kernel.forward(c.segment(), state.data(), states.data(), slopes.data(), c.scratch.data());
      for (Index s = 0; s < c.samples(); ++s)
        for (Index i = 0; i < width; ++i) CHECK(std::isnan(state[u(c.at(s, i))]) == (s == 1));
    }
}
