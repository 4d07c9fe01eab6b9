// Networks of several stacks against one stack that does the same: all their answers to the last bit.
#include <cstdint>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/curvature.hpp"
#include "mgres/defect.hpp"
#include "mgres/resnet.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;

namespace {

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

constexpr Index kSamples = 300, kWidth = 6, kOutputs = 3;

ResNet one_stack(Index depth) {
  ResNet net;
  net.inputs = 5;
  net.width = kWidth;
  net.outputs = kOutputs;
  net.depth = depth;
  net.final_time = 0.25 * static_cast<double>(depth);
  net.block.activation = Activation::tanh;
  return net;
}

/// The same layers in stacks of the given depths with the identity between them.
NetworkSpec cut(const std::vector<Index>& depths) {
  NetworkSpec net = one_stack(1);
  net.stacks.clear();
  for (const Index depth : depths) net.stacks.push_back(one_stack(depth));
  net.connections.assign(depths.size() - 1, {MapKind::resample, {kWidth}, {kWidth}});
  return net;
}

template <class S>
struct Answers {
  std::vector<S> logits, gradient, dX, hessian, gauss_newton;
  double value;

  bool operator==(const Answers& other) const {
    return logits == other.logits && gradient == other.gradient && dX == other.dX &&
           hessian == other.hessian && gauss_newton == other.gauss_newton && value == other.value;
  }
};

template <class S>
struct Problem {
  Problem() : random(3) {
    X = random.vector<S>(kSamples * 5);
    v = random.vector<S>(Layout(one_stack(16)).size);
    theta = random.vector<S>(Layout(one_stack(16)).size);
    dlogits = random.vector<S>(kSamples * kOutputs);
    for (Index i = 0; i < kSamples; ++i) labels.push_back(random.below(kOutputs));
    targets.labels = labels.data();
  }

  Answers<S> answers(const Network<S>& net, Index tape_bytes, int threads,
                     const S* defect = nullptr) const {
    Workspace<S> workspace;
    if (tape_bytes > 0) workspace.limits = {tape_bytes, tape_bytes, tape_bytes};
    Interrupt never;
    const Batch<S> batch{X.data(), kSamples, defect};
    Answers<S> found{dlogits, theta, X, theta, theta, 0};
    logits(net, theta.data(), batch, found.logits.data(), workspace, never, threads);
    vjp(net, Trainable{}, theta.data(), batch, dlogits.data(), found.gradient.data(),
        found.dX.data(), workspace, never, threads);
    found.value = value_and_grad(net, Loss::cross_entropy, Trainable{}, theta.data(), batch,
                                 targets, found.gradient.data(), workspace, never, threads);
    curvature_product(Curvature::hessian, net, Loss::cross_entropy, Trainable{}, theta.data(),
                      batch, targets, v.data(), found.hessian.data(), workspace, never, threads);
    curvature_product(Curvature::gauss_newton, net, Loss::cross_entropy, Trainable{}, theta.data(),
                      batch, targets, v.data(), found.gauss_newton.data(), workspace, never,
                      threads);
    return found;
  }

  Random random;
  std::vector<S> X, theta, v, dlogits;
  std::vector<std::int64_t> labels;
  Targets<S> targets;
};

}  // namespace

TEST_CASE_TEMPLATE("stacks with the identity between them are one stack", S, float, double) {
  const Problem<S> p;
  const Answers<S> expected = p.answers(one_stack(16), 0, 1);
  const std::vector<std::vector<Index>> cuts = {{16}, {3, 13}, {8, 8}, {1, 1, 14}, {5, 4, 3, 4}};
  for (const auto& depths : cuts)
    for (const Index tape_bytes : {Index{0}, Index{1} << 13})
      for (const int threads : {1, 3}) {
        CAPTURE(depths.size());
        CAPTURE(tape_bytes);
        CAPTURE(threads);
        const Network<S> net(cut(depths));
        const TapeShape shape =
            tape_shape<S>(net, kSamples, {tape_bytes, tape_bytes, tape_bytes}, threads);
        if (tape_bytes > 0 && depths.size() < 4) CHECK(shape.checkpoints > 0);
        CHECK(p.answers(net, tape_bytes, threads) == expected);
      }
}

TEST_CASE_TEMPLATE("the states of a stack begin where those of the one before it end", S, float,
                   double) {
  const Problem<S> p;
  Workspace<S> workspace;
  Interrupt never;
  const Batch<S> batch{p.X.data(), kSamples};
  std::vector<S> whole(u(5 * kSamples * kWidth)), part(whole);
  states<S>(one_stack(16), p.theta.data(), batch, 0, {3, 4, 7, 9, 16}, whole.data(), workspace,
            never);
  states<S>(cut({3, 13}), p.theta.data(), batch, 1, {0, 1, 4, 6, 13}, part.data(), workspace,
            never);
  CHECK(part == whole);
}

TEST_CASE_TEMPLATE("a state defect of several stacks gives the fine network's answer", S, float,
                   double) {
  const Problem<S> p;
  const Network<S> fine(cut({4, 8, 4}));
  NetworkSpec spec = cut({2, 4, 2});
  for (std::size_t i = 0; i < 3; ++i) spec.stacks[i].final_time = fine.stacks[i].final_time;
  const Network<S> coarse(spec);
  const std::vector<S> theta(p.theta.begin(), p.theta.begin() + coarse.layout.size);
  Workspace<S> workspace;
  Interrupt never;
  const Batch<S> batch{p.X.data(), kSamples};
  std::vector<S> tau(u(defect_size(coarse, kSamples)), S(9)), one(p.dlogits), other(p.dlogits);
  std::vector<S> coarse_theta(theta);
  std::copy_n(p.theta.end() - (coarse.layout.size - coarse.layout.closing),
              coarse.layout.size - coarse.layout.closing,
              coarse_theta.begin() + coarse.layout.closing);
  state_defect(fine, p.theta.data(), batch, coarse, coarse_theta.data(), tau.data(), workspace,
               never);
  logits(fine, p.theta.data(), batch, one.data(), workspace, never);
  logits(coarse, coarse_theta.data(), {p.X.data(), kSamples, tau.data()}, other.data(), workspace,
         never);
  CHECK(reference::error_in_epsilons(other.data(),
                                     std::vector<reference::Real>(one.begin(), one.end())) < 100);
}

TEST_CASE("parts that do not follow each other are refused") {
  NetworkSpec net = cut({2, 2});
  check_network(net);
  net.stacks[1].width = 7;
  CHECK_THROWS_WITH(check_network(net), "connection: expected 7 features, got 6");
  net = cut({2, 2});
  net.connections.clear();
  CHECK_THROWS_WITH(check_network(net), "connections: expected 1, got 0");
  net = cut(std::vector<Index>(17, 1));
  CHECK_THROWS_WITH(check_network(net), "stacks: expected 1 to 16, got 17");
  net = cut({2, 2});
  net.closing.in.channels = 5;
  CHECK_THROWS_WITH(check_network(net), "closing: expected 6 features, got 5");
}
