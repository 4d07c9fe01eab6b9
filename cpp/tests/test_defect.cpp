// The state defect against the plain reference: with it a coarse network has the fine states.
#include <vector>

#include <doctest/doctest.h>

#include "mgres/defect.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;

namespace {

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

ResNet make_net(Index width, Index depth, Scheme scheme, double substeps = 1) {
  ResNet net;
  net.inputs = 3;
  net.width = width;
  net.outputs = 2;
  net.depth = depth;
  net.final_time = 2;
  net.block.activation = Activation::tanh;
  return reference::with_scheme(net, scheme, substeps);
}

/// Parameters of the coarse network: the first of each group of layers.
template <class S>
std::vector<S> injected(const ResNet& fine, const ResNet& coarse, const std::vector<S>& theta) {
  const Layout from(fine), to(coarse);
  std::vector<S> result(theta.begin(), theta.begin() + from.layers[0]);
  for (Index j = 0; j < coarse.depth; ++j) {
    const auto layer =
        theta.begin() + from.layers[0] + j * (fine.depth / coarse.depth) * from.layer[0];
    result.insert(result.end(), layer, layer + from.layer[0]);
  }
  result.insert(result.end(), theta.begin() + from.closing, theta.end());
  REQUIRE(result.size() == u(to.size));
  return result;
}

template <class S>
std::vector<S> defect(const ResNet& fine, const std::vector<S>& theta, const Batch<S>& batch,
                      const ResNet& coarse, const std::vector<S>& coarse_theta) {
  Workspace<S> workspace;
  Interrupt never;
  std::vector<S> tau(u(coarse.depth * defect_layer<S>(coarse.width, batch.size)), S(77));
  state_defect<S>(fine, theta.data(), batch, coarse, coarse_theta.data(), tau.data(), workspace,
                  never);
  return tau;
}

template <class S>
std::vector<S> logits_of(const ResNet& net, const std::vector<S>& theta, const Batch<S>& batch) {
  Workspace<S> workspace;
  Interrupt never;
  std::vector<S> out(u(batch.size * net.outputs));
  logits<S>(net, theta.data(), batch, out.data(), workspace, never);
  return out;
}

template <class S>
std::vector<reference::Real> real(const std::vector<S>& values) {
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE_TEMPLATE("tau of one sample is what the reference lacks", S, float, double) {
  const ResNet fine = make_net(4, 12, Scheme::euler), coarse = make_net(4, 3, Scheme::matched, 4);
  Random random(1);
  const auto theta = random.vector<S>(Layout(fine).size);
  const auto X = random.vector<S>(3);
  const auto coarse_theta = injected(fine, coarse, theta);
  const std::vector<S> tau = defect(fine, theta, {X.data(), 1}, coarse, coarse_theta);
  Targets<S> targets;
  const std::int64_t label = 0;
  targets.labels = &label;
  const auto states =
      reference::evaluate(fine, Loss::cross_entropy, theta.data(), X.data(), 1, targets).states;
  const Layout at(coarse);
  for (Index j = 0; j < 3; ++j) {
    const reference::Parameters layer(coarse, coarse_theta.data() + at.layers[0] + j * at.layer[0]);
    const auto guess = reference::step(coarse, layer, states[u(4 * j)]);
    for (Index i = 0; i < 4; ++i) {
      const auto expected = static_cast<double>(states[u(4 * (j + 1))][u(i)] - guess[u(i)]);
      const S actual = tau[u(j * defect_layer<S>(coarse.width, 1) + i * kLanes<S>)];
      CHECK(static_cast<double>(actual) ==
            doctest::Approx(expected).scale(1).epsilon(
                20 * static_cast<double>(std::numeric_limits<S>::epsilon())));
    }
  }
}

TEST_CASE_TEMPLATE("the coarse network then has the fine logits, on three levels", S, float,
                   double) {
  for (const Index samples : {1, 64, 65, 1000})
    for (const Scheme scheme : {Scheme::euler, Scheme::rk4, Scheme::verlet})
      for (const Index width : {2, 10, 34}) {
        CAPTURE(samples);
        CAPTURE(width);
        const bool euler = scheme == Scheme::euler;
        const Scheme below = euler ? Scheme::matched : scheme;
        const ResNet fine = make_net(width, 24, scheme);
        const ResNet middle = make_net(width, 12, below, euler ? 2 : 1);
        const ResNet coarse = make_net(width, 3, below, euler ? 8 : 1);
        Random random(2);
        const auto theta = random.vector<S>(Layout(fine).size, -0.5, 0.5);
        const auto X = random.vector<S>(samples * 3);
        const auto middle_theta = injected(fine, middle, theta);
        const auto coarse_theta = injected(middle, coarse, middle_theta);
        const Batch<S> batch{X.data(), samples};
        const auto middle_tau = defect(fine, theta, batch, middle, middle_theta);
        const Batch<S> middle_batch{X.data(), samples, middle_tau.data()};
        const auto coarse_tau = defect(middle, middle_theta, middle_batch, coarse, coarse_theta);
        const Batch<S> coarse_batch{X.data(), samples, coarse_tau.data()};
        const auto expected = real(logits_of(fine, theta, batch));
        const auto found = logits_of(middle, middle_theta, middle_batch);
        const auto found_below = logits_of(coarse, coarse_theta, coarse_batch);
        CHECK(reference::error_in_epsilons(found.data(), expected) < 500);
        CHECK(reference::error_in_epsilons(found_below.data(), expected) < 500);
        const auto without = logits_of(coarse, coarse_theta, batch);
        CHECK(reference::error_in_epsilons(without.data(), expected) > 1000);
      }
}

TEST_CASE_TEMPLATE("the defect has the same bits for any number of threads", S, float, double) {
  const ResNet fine = make_net(6, 256, Scheme::euler), coarse = make_net(6, 32, Scheme::matched, 8);
  Random random(3);
  const auto theta = random.vector<S>(Layout(fine).size);
  const auto X = random.vector<S>(3 * 2300);
  const auto coarse_theta = injected(fine, coarse, theta);
  set_num_threads(1);
  const auto expected = defect<S>(fine, theta, {X.data(), 2300}, coarse, coarse_theta);
  for (const int threads : {2, 3, 8}) {
    set_num_threads(threads);
    CHECK(defect<S>(fine, theta, {X.data(), 2300}, coarse, coarse_theta) == expected);
  }
}
