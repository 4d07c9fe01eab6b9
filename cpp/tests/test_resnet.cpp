// The network on a batch against the plain reference, and its promises about threads.
#include <vector>

#include <doctest/doctest.h>

#include "mgres/resnet.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;

namespace {

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

constexpr Loss kLosses[] = {Loss::cross_entropy, Loss::squared_error};

ResNet make_net(Index inputs, Index width, Index outputs, Index depth, Activation activation) {
  ResNet net;
  net.inputs = inputs;
  net.width = width;
  net.outputs = outputs;
  net.depth = depth;
  net.final_time = 1.5;
  net.block.activation = activation;
  return net;
}

struct Discretization {
  Scheme scheme;
  double substeps;
  bool antisymmetric;
  double damping;
};

constexpr Discretization kDiscretizations[] = {
    {Scheme::matched, 4, false, 0},    {Scheme::matched, 1, false, 0}, {Scheme::rk4, 1, false, 0},
    {Scheme::verlet, 1, false, 0},     {Scheme::euler, 1, true, 0.3},  {Scheme::rk4, 1, true, 0},
    {Scheme::matched, 2.5, true, 0.1},
};

ResNet with(const Discretization& kind, ResNet net) {
  net = reference::with_scheme(net, kind.scheme, kind.substeps);
  if (kind.antisymmetric) net.block.kind = BlockKind::antisymmetric;
  net.block.damping = kind.damping;
  return net;
}

/// A network, parameters and samples.
template <class S>
struct Problem {
  Problem(const ResNet& net_, Index samples_, bool labels_, std::uint64_t seed)
      : net(net_), samples(samples_), labels(labels_), at(net) {
    Random random(seed);
    theta = random.vector<S>(at.size);
    X = random.vector<S>(samples * net.inputs);
    vectors = random.vector<S>(samples * net.outputs, 0, 1);
    classes.resize(u(samples));
    for (std::int64_t& label : classes) label = random.below(net.outputs);
  }

  Batch<S> batch() const { return {X.data(), samples}; }
  Targets<S> targets() const {
    Targets<S> t;
    if (labels)
      t.labels = classes.data();
    else
      t.vectors = vectors.data();
    return t;
  }

  double value_and_grad(Loss loss, std::vector<S>& gradient, const Trainable& trainable = {},
                        int threads = num_threads()) {
    gradient.assign(u(at.size), S(77));
    Interrupt never;
    return mgres::value_and_grad<S>(net, loss, trainable, theta.data(), batch(), targets(),
                                    gradient.data(), workspace, never, threads);
  }
  double value(Loss loss) {
    Interrupt never;
    return mgres::value<S>(net, loss, theta.data(), batch(), targets(), workspace, never);
  }
  std::vector<S> logits() {
    std::vector<S> out(u(samples * net.outputs), S(77));
    Interrupt never;
    mgres::logits<S>(net, theta.data(), batch(), out.data(), workspace, never);
    return out;
  }
  std::vector<S> states(const std::vector<Index>& chosen, int threads = num_threads()) {
    std::vector<S> out(chosen.size() * u(samples * net.width), S(77));
    Interrupt never;
    mgres::states<S>(net, theta.data(), batch(), 0, chosen, out.data(), workspace, never, threads);
    return out;
  }

  ResNet net;
  Index samples;
  bool labels;
  Layout at;
  std::vector<S> theta, X, vectors;
  std::vector<std::int64_t> classes;
  Workspace<S> workspace;
};

template <class S>
void check_against_reference(const ResNet& net, Index samples, bool labels, Loss loss,
                             const TapeLimits& limits = {}) {
  CAPTURE(net.inputs);
  CAPTURE(net.width);
  CAPTURE(net.outputs);
  CAPTURE(net.depth);
  CAPTURE(samples);
  CAPTURE(labels);
  CAPTURE(static_cast<int>(net.block.activation));
  CAPTURE(static_cast<int>(loss));
  CAPTURE(static_cast<int>(net.scheme));
  CAPTURE(static_cast<int>(net.block.kind));
  Problem<S> p(net, samples, labels, static_cast<std::uint64_t>(samples));
  const auto expected =
      reference::evaluate(net, loss, p.theta.data(), p.X.data(), samples, p.targets());
  const double epsilon = static_cast<double>(std::numeric_limits<S>::epsilon());
  const auto expected_value = static_cast<double>(expected.value);
  p.workspace.limits = limits;
  if (limits.thread < TapeLimits{}.thread)
    CHECK(tape_shape<S>(net, samples, limits).checkpoints > 0);
  std::vector<S> gradient;
  CHECK(p.value_and_grad(loss, gradient) ==
        doctest::Approx(expected_value).epsilon(1000 * epsilon));
  CHECK(p.value(loss) == doctest::Approx(expected_value).epsilon(1000 * epsilon));
  CHECK(reference::error_in_epsilons(gradient.data(), expected.gradient) < 3000);
  CHECK(reference::error_in_epsilons(p.logits().data(), expected.logits) < 1000);
  const std::vector<Index> chosen{0, net.depth / 2, net.depth};  // the first two may be equal
  const std::vector<S> states = p.states(chosen);
  for (std::size_t c = 0; c < chosen.size(); ++c)  // the reference has those of the last sample
    CHECK(reference::error_in_epsilons(states.data() + (c + 1) * u(samples * net.width) - net.width,
                                       expected.states[u(chosen[c])]) < 1000);
}

}  // namespace

TEST_CASE_TEMPLATE("ragged batches", S, float, double) {
  int i = 0;
  for (const Index samples : {1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 129, 257, 1000})
    for (const Index width : {3, 10, 21}) {
      ++i;
      const Activation activation = i % 2 == 0 ? Activation::tanh : Activation::logistic;
      check_against_reference<S>(make_net(2, width, 3, 4, activation), samples, i % 3 == 0,
                                 kLosses[i % 2]);
    }
}

TEST_CASE_TEMPLATE("shapes", S, float, double) {
  const Activation tanh = Activation::tanh;
  for (const bool labels : {true, false})
    for (const Loss loss : kLosses) {
      check_against_reference<S>(make_net(1, 1, 1, 1, tanh), 5, labels, loss);
      check_against_reference<S>(make_net(784, 10, 10, 2, tanh), 20, labels, loss);
      check_against_reference<S>(make_net(129, 4, 2, 2, tanh), 7, labels, loss);  // panels of X
      check_against_reference<S>(make_net(3, 40, 17, 3, tanh), 33, labels, loss);
    }
}

TEST_CASE_TEMPLATE("schemes and antisymmetric weights", S, float, double) {
  for (const Activation activation : {Activation::tanh, Activation::smooth_relu})
    for (const Discretization& kind : kDiscretizations) {
      check_against_reference<S>(with(kind, make_net(2, 2, 2, 1, activation)), 1, true, kLosses[0]);
      check_against_reference<S>(with(kind, make_net(3, 10, 3, 6, activation)), 130, true,
                                 kLosses[0]);
      check_against_reference<S>(with(kind, make_net(3, 40, 2, 3, activation)), 33, false,
                                 kLosses[1]);
    }
}

TEST_CASE_TEMPLATE("a way back with checkpoints gives the bits of one without", S, float, double) {
  // A state that is computed again has the same bits; relu too, whose kinks the reference may take
  // on the other side.
  std::vector<ResNet> nets;
  for (const Activation activation : {Activation::relu, Activation::tanh, Activation::logistic,
                                      Activation::identity, Activation::smooth_relu}) {
    nets.push_back(make_net(2, 3, 2, 70, activation));
    nets.push_back(make_net(3, 12, 2, 33, activation));
    nets.push_back(make_net(2, 40, 2, 9, activation));  // tiled
    for (const Discretization& kind : kDiscretizations)
      nets.push_back(with(kind, make_net(2, 4, 2, 50, activation)));
  }
  for (const ResNet& net : nets) {
    CAPTURE(net.width);
    CAPTURE(static_cast<int>(net.block.activation));
    CAPTURE(static_cast<int>(net.scheme));
    Problem<S> p(net, 130, true, 17);
    for (const int threads : {1, 3}) {
      std::vector<S> taped, again;
      p.workspace.limits = TapeLimits{};
      CHECK(tape_shape<S>(net, p.samples, p.workspace.limits, threads).checkpoints == 0);
      const double value = p.value_and_grad(kLosses[0], taped, {}, threads);
      for (const Index bytes : {1, 20'000, 100'000}) {
        CAPTURE(bytes);
        p.workspace.limits = {bytes, bytes, bytes};
        const TapeShape shape = tape_shape<S>(net, p.samples, p.workspace.limits, threads);
        CHECK((shape.checkpoints > 0) == (shape.layers < net.depth));
        if (bytes == 1) CHECK(shape.checkpoints == net.depth - 1);
        CHECK(p.value_and_grad(kLosses[0], again, {}, threads) == value);
        CHECK(again == taped);
      }
    }
  }
}

TEST_CASE_TEMPLATE("so deep that the way back has checkpoints", S, float, double) {
  const TapeLimits small{200'000, 200'000, 50'000};
  check_against_reference<S>(make_net(2, 3, 2, 700, Activation::tanh), 130, true, kLosses[0],
                             small);
  check_against_reference<S>(make_net(2, 12, 2, 130, Activation::tanh), 130, true, kLosses[0],
                             small);
  for (const Discretization& kind : kDiscretizations)
    check_against_reference<S>(with(kind, make_net(2, 4, 2, 700, Activation::tanh)), 130, true,
                               kLosses[0], small);
}

TEST_CASE_TEMPLATE("more chunks than partial gradients", S, float, double) {
  check_against_reference<S>(make_net(2, 3, 2, 3, Activation::tanh), 2500, true, kLosses[0]);
}

TEST_CASE_TEMPLATE("derivatives by parameters and inputs from those by the logits", S, float,
                   double) {
  for (const Index samples : {1, 100, 700})
    for (const Index inputs : {1, 5, 40}) {
      CAPTURE(samples);
      CAPTURE(inputs);
      Problem<S> p(make_net(inputs, 6, 3, 20, Activation::tanh), samples, false, 13);
      // of the mean of |z - t|^2 / 2
      const std::vector<S> z = p.logits();
      std::vector<S> dlogits(z.size()), gradient(u(p.at.size), S(77)), dX(p.X.size(), S(77));
      for (std::size_t i = 0; i < z.size(); ++i)
        dlogits[i] = (z[i] - p.vectors[i]) / static_cast<S>(samples);
      const auto expected = reference::evaluate(p.net, Loss::squared_error, p.theta.data(),
                                                p.X.data(), samples, p.targets());
      Interrupt never;
      vjp<S>(p.net, Trainable{}, p.theta.data(), p.batch(), dlogits.data(), gradient.data(),
             dX.data(), p.workspace, never);
      CHECK(reference::error_in_epsilons(gradient.data(), expected.gradient) < 3000);
      CHECK(reference::error_in_epsilons(dX.data(), expected.inputs) < 3000);
      std::vector<S> alone(u(p.at.size));
      vjp<S>(p.net, Trainable{}, p.theta.data(), p.batch(), dlogits.data(), alone.data(),
             static_cast<S*>(nullptr), p.workspace, never);
      CHECK(alone == gradient);
    }
}

TEST_CASE_TEMPLATE("parts that are fixed have gradient zero, the others are untouched", S, float,
                   double) {
  Problem<S> p(make_net(5, 6, 3, 40, Activation::tanh), 300, true, 9);
  std::vector<S> whole, some;
  p.value_and_grad(Loss::cross_entropy, whole);
  for (int mask = 0; mask < 8; ++mask) {
    CAPTURE(mask);
    Trainable trainable;
    trainable.opening = (mask & 1) != 0;
    trainable.blocks = (mask & 2) != 0;
    trainable.closing = (mask & 4) != 0;
    p.value_and_grad(Loss::cross_entropy, some, trainable);
    Index wrong = 0;
    for (Index i = 0; i < p.at.size; ++i) {
      const bool wanted = i < p.at.layers[0] ? trainable.opening
                          : i < p.at.closing ? trainable.blocks
                                             : trainable.closing;
      wrong += some[u(i)] != (wanted ? whole[u(i)] : S(0));
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE_TEMPLATE("the same bits for any number of threads, and every time", S, float, double) {
  for (const ResNet& net :
       {make_net(2, 3, 2, 200, Activation::relu), make_net(50, 10, 10, 60, Activation::tanh),
        make_net(2, 40, 2, 8, Activation::relu),
        with(kDiscretizations[0], make_net(2, 6, 2, 50, Activation::relu)),
        with(kDiscretizations[3], make_net(2, 6, 2, 50, Activation::relu)),
        with(kDiscretizations[4], make_net(2, 6, 2, 50, Activation::relu))}) {
    Problem<S> p(net, 2300, true, 11);
    std::vector<S> expected, gradient;
    set_num_threads(1);
    const double value = p.value_and_grad(Loss::cross_entropy, expected);
    const double only_value = p.value(Loss::cross_entropy);
    const std::vector<S> logits = p.logits();
    const std::vector<S> states = p.states({0, 1, net.depth - 1});
    for (const int threads : {1, 2, 3, 5, 8, 8, 2}) {
      set_num_threads(threads);
      CHECK(p.value_and_grad(Loss::cross_entropy, gradient) == value);
      CHECK(gradient == expected);
      CHECK(p.value(Loss::cross_entropy) == only_value);
      CHECK(p.logits() == logits);
      CHECK(p.states({0, 1, net.depth - 1}, threads) == states);
    }
  }
}

TEST_CASE_TEMPLATE("an interrupt ends the evaluation", S, float, double) {
  Problem<S> p(make_net(2, 3, 2, 100, Activation::relu), 500, true, 12);
  std::vector<S> gradient(u(p.at.size));
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    Interrupt interrupt([] { return true; });
    while (!interrupt.stopped())  // until the first poll, 50 ms on
      mgres::value_and_grad<S>(p.net, Loss::cross_entropy, Trainable{}, p.theta.data(), p.batch(),
                               p.targets(), gradient.data(), p.workspace, interrupt);
    CHECK(interrupt.stopped());
  }
}
