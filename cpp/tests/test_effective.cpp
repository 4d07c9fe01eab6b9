// What the layers multiply with, and derivatives by it.
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/effective.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;

namespace {

ResNet make_net(Index width) {
  ResNet net;
  net.width = width;
  net.depth = 3;
  return net;
}

}  // namespace

TEST_CASE_TEMPLATE("free weights are used where they are", S, float, double) {
  const ResNet net = make_net(4);
  const Layout at(net);
  const auto theta = Random(1).vector<S>(at.size);
  CHECK(effective_size(net) == 0);
  CHECK(effective_layer(net) == at.layer);
  CHECK(effective_layers<S>(net, theta.data(), nullptr) == theta.data() + at.layers);
}

TEST_CASE_TEMPLATE("antisymmetric part, damping and biases", S, float, double) {
  ResNet net = make_net(5);
  net.antisymmetric = true;
  net.damping = 0.25;
  const Layout at(net);
  const auto theta = Random(2).vector<S>(at.size);
  std::vector<S> memory(static_cast<std::size_t>(effective_size(net)), S(77));
  REQUIRE(effective_size(net) == 3 * at.layer);
  const S* layers = effective_layers(net, theta.data(), memory.data());
  for (Index k = 0; k < 3; ++k) {
    const S* raw = theta.data() + at.layers + k * at.layer;
    const S* used = layers + k * at.layer;
    for (Index i = 0; i < 5; ++i) {
      CHECK(used[i * 6] == S(-0.25));
      CHECK(used[25 + i] == raw[25 + i]);
      for (Index j = 0; j < 5; ++j)
        if (i != j) CHECK(used[i * 5 + j] == (raw[i * 5 + j] - raw[j * 5 + i]) / 2);
    }
  }
}

TEST_CASE_TEMPLATE("the derivative goes back by the transposed map", S, float, double) {
  // <G, A dW> = <A^T G, dW> for the linear part A of the map W -> effective W
  ResNet net = make_net(4);
  net.antisymmetric = true;
  net.damping = 0.5;
  const Layout at(net);
  Random random(3);
  auto zero = std::vector<S>(static_cast<std::size_t>(at.size), S(0));
  const auto direction = random.vector<S>(at.size);
  const auto derivative = random.vector<S>(at.size);
  std::vector<S> base(static_cast<std::size_t>(effective_size(net))), moved(base);
  effective_layers(net, zero.data(), base.data());
  effective_layers(net, direction.data(), moved.data());
  auto pulled = derivative;
  pull_back(net, pulled.data());
  double left = 0, right = 0;
  for (Index i = 0; i < effective_size(net); ++i) {
    const auto ui = static_cast<std::size_t>(i), ul = static_cast<std::size_t>(at.layers + i);
    left += static_cast<double>(derivative[ul]) * static_cast<double>(moved[ui] - base[ui]);
    right += static_cast<double>(pulled[ul]) * static_cast<double>(direction[ul]);
  }
  CHECK(left == doctest::Approx(right).epsilon(1e-5));
  for (Index i = 0; i < at.layers; ++i)
    CHECK(pulled[static_cast<std::size_t>(i)] == derivative[static_cast<std::size_t>(i)]);
}

TEST_CASE_TEMPLATE("verlet has W and its transpose, each with the biases", S, float, double) {
  ResNet net = make_net(6);
  net.scheme = Scheme::verlet;
  const Layout at(net);
  const auto theta = Random(4).vector<S>(at.size);
  REQUIRE(effective_layer(net) == 2 * at.layer);
  std::vector<S> memory(static_cast<std::size_t>(effective_size(net)), S(77));
  const S* layers = effective_layers(net, theta.data(), memory.data());
  for (Index k = 0; k < 3; ++k, layers += 2 * at.layer) {
    const S* raw = theta.data() + at.layers + k * at.layer;
    for (Index i = 0; i < 3; ++i) {
      CHECK(layers[9 + i] == raw[9 + i]);
      CHECK(layers[21 + i] == raw[9 + i]);
      for (Index j = 0; j < 3; ++j) {
        CHECK(layers[i * 3 + j] == raw[i * 3 + j]);
        CHECK(layers[12 + j * 3 + i] == raw[i * 3 + j]);
      }
    }
  }
}

TEST_CASE_TEMPLATE("a NaN on the diagonal is not lost", S, float, double) {
  ResNet net = make_net(2);
  net.antisymmetric = true;
  auto theta = Random(5).vector<S>(Layout(net).size);
  theta[static_cast<std::size_t>(Layout(net).layers)] = std::numeric_limits<S>::quiet_NaN();
  std::vector<S> memory(static_cast<std::size_t>(effective_size(net)));
  CHECK(std::isnan(effective_layers(net, theta.data(), memory.data())[0]));
}
