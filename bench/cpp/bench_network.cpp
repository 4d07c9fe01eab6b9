// The network on a batch: forward sweeps and gradients, over width, depth, samples and threads.
#include <cmath>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "answer.hpp"
#include "mgres/resnet.hpp"

using namespace mgres;
using bench::Real;

namespace {

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

/// Samples that differ; the batch repeats them.  The mean over the batch is then the mean over these
/// few, which plain loops can evaluate at full depth, and because no block of samples is a multiple
/// of five, no two neighbouring blocks are alike.
constexpr Index kDistinct = 5;

template <class S>
constexpr double kTolerance = sizeof(S) == 4 ? 1e-4 : 1e-12;

/// The arguments of a benchmark, in the order of their names.
const std::vector<std::string> kArguments = {"width", "depth", "samples", "threads"};

ResNet network(const benchmark::State& state, Activation activation) {
  ResNet net;
  net.inputs = 2;
  net.width = state.range(0);
  net.outputs = 2;
  net.depth = state.range(1);
  net.block.activation = activation;
  return net;
}

template <class T>
std::vector<T> repeat(const std::vector<T>& some, Index times) {
  std::vector<T> all;
  for (Index i = 0; i < times; ++i) all.insert(all.end(), some.begin(), some.end());
  return all;
}

/// Move every relu away from its kink, where rounding would decide between two gradients.
///
/// Feature 0 stays what it is, because its bias is very negative.  It is 1 or -1 by the sample, and
/// turns the other features on and off by a large weight of either sign; all other weights are small.
template <class S>
void keep_off_kinks(const ResNet& net, std::vector<S>& theta, std::vector<S>& inputs) {
  const Layout at(net);
  const Index v = net.width;
  for (Index j = 0; j < net.inputs; ++j) theta[u(j)] = j == 0 ? S(1) : S(0);
  for (Index s = 0; s < kDistinct; ++s) inputs[u(s * net.inputs)] = s % 2 == 0 ? S(1) : S(-1);
  for (Index k = 0; k < net.depth; ++k) {
    S* W = theta.data() + at.layers[0] + k * at.layer[0];
    S* b = W + v * v;
    for (Index i = 0; i < v * v; ++i)
      W[i] = i % v == 0 ? std::copysign(S(2), W[i]) : W[i] / static_cast<S>(4 * v);
    for (Index i = 0; i < v; ++i) b[i] = i == 0 ? S(-9) : b[i] / 2;
  }
}

/// A network, its parameters and a batch; sets the number of threads.
template <class S>
class Problem {
 public:
  Problem(const benchmark::State& state, Activation activation)
      : spec_(network(state, activation)), net_(spec_), samples_(state.range(2)) {
    reference::Random random(1);
    theta_ = random.vector<S>(Layout(spec_).size);
    inputs_ = random.vector<S>(kDistinct * spec_.inputs);
    keep_off_kinks(spec_, theta_, inputs_);
    inputs_ = repeat(inputs_, samples_ / kDistinct);
    labels_ = repeat(std::vector<std::int64_t>{0, 1, 1, 0, 1}, samples_ / kDistinct);
    set_num_threads(static_cast<int>(state.range(3)));
  }

  void logits(std::vector<S>& out) {
    out.resize(u(samples_ * spec_.outputs));
    mgres::logits<S>(net_, theta_.data(), batch(), out.data(), workspace_, never_);
  }

  double value_and_grad(std::vector<S>& gradient) {
    gradient.resize(theta_.size());
    return mgres::value_and_grad<S>(net_, kLoss, Trainable(), theta_.data(), batch(), targets(),
                                    gradient.data(), workspace_, never_);
  }

  reference::Result expected() const {
    return reference::evaluate(spec_, kLoss, theta_.data(), inputs_.data(), kDistinct, targets());
  }

  /// The multiplications and additions of one product with every W_k.
  double product_flops() const {
    return 2.0 * static_cast<double>(spec_.width * spec_.width * samples_ * spec_.depth);
  }

 private:
  static constexpr Loss kLoss = Loss::cross_entropy;

  Batch<S> batch() const { return {inputs_.data(), samples_}; }
  Targets<S> targets() const { return {labels_.data(), nullptr}; }

  ResNet spec_;
  Network<S> net_;
  Index samples_;
  std::vector<S> theta_, inputs_;
  std::vector<std::int64_t> labels_;
  Workspace<S> workspace_;
  Interrupt never_;
};

void report(benchmark::State& state, double flops) {
  state.counters["FLOP"] = benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
}

template <class S, Activation activation>
void forward(benchmark::State& state) {
  Problem<S> problem(state, activation);
  std::vector<S> logits;
  problem.logits(logits);
  const Index times = state.range(2) / kDistinct;
  const std::vector<Real> expected = repeat(problem.expected().logits, times);
  if (!bench::accept(state, bench::relative_error(logits, expected), kTolerance<S>)) return;
  for (auto _ : state) problem.logits(logits);
  report(state, problem.product_flops());
}

template <class S, Activation activation>
void gradient(benchmark::State& state) {
  Problem<S> problem(state, activation);
  std::vector<S> gradient;
  const std::vector<double> value = {problem.value_and_grad(gradient)};
  const reference::Result expected = problem.expected();
  const double error = bench::relative_error(gradient, expected.gradient);
  if (!bench::accept(state, error, kTolerance<S>)) return;
  if (!bench::accept(state, bench::relative_error(value, {expected.value}), kTolerance<S>)) return;
  for (auto _ : state) benchmark::DoNotOptimize(problem.value_and_grad(gradient));
  report(state, 3 * problem.product_flops());  // forward, W^T a, and dW; not what is recomputed
}

/// Width 10, depth 2,048, 1,000 samples: the headline of bench/README.md.
constexpr auto headline = [](auto* b) {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  for (int threads = 1; threads == 1 || threads <= cores; threads *= 2)
    b->Args({10, 2048, 1000, threads});
};

/// Narrow to wide, with less depth and fewer samples where the work would be too much.
constexpr auto widths = [](auto* b) {
  b->Args({3, 2048, 1000, 1})->Args({16, 1024, 1000, 1})->Args({20, 512, 1000, 1});
  b->Args({32, 256, 1000, 1})->Args({64, 256, 250, 1})->Args({256, 64, 250, 1});
};

/// The headline with other depths, and with other batches.
constexpr auto sizes = [](auto* b) {
  b->Args({10, 128, 1000, 1})->Args({10, 8192, 1000, 1});
  b->Args({10, 2048, 125, 1})->Args({10, 2048, 8000, 1});
};

/// What other activations and double precision cost.
constexpr auto variant = [](auto* b) { b->Args({10, 2048, 1000, 1})->Args({64, 256, 250, 1}); };

}  // namespace

#define MGRES_BENCHMARK(function, S, activation, name)    \
  BENCHMARK_TEMPLATE(function, S, Activation::activation) \
      ->Name(name)                                        \
      ->ArgNames(kArguments)                              \
      ->UseRealTime()                                     \
      ->Unit(benchmark::kMillisecond)

MGRES_BENCHMARK(forward, float, relu, "forward/float/relu")->Apply(headline)->Apply(widths);
MGRES_BENCHMARK(forward, float, tanh, "forward/float/tanh")->Apply(variant);

MGRES_BENCHMARK(gradient, float, relu, "gradient/float/relu")
    ->Apply(headline)
    ->Apply(widths)
    ->Apply(sizes);
MGRES_BENCHMARK(gradient, float, tanh, "gradient/float/tanh")->Apply(variant);
MGRES_BENCHMARK(gradient, double, relu, "gradient/double/relu")->Apply(variant);
MGRES_BENCHMARK(gradient, double, tanh, "gradient/double/tanh")->Apply(variant);
