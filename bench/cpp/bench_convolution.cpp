// The three products of a convolution: W * x, its transpose and the derivative by W.
#include <algorithm>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "answer.hpp"
#include "mgres/convolution.hpp"
#include "mgres/parallel.hpp"
#include "mgres/peak.hpp"
#include "mgres/simd.hpp"
#include "mgres/workspace.hpp"

using namespace mgres;
using bench::Real;

namespace {

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

template <class S>
constexpr double kTolerance = sizeof(S) == 4 ? 1e-5 : 1e-13;

const std::vector<std::string> kArguments = {"channels", "image", "kernel", "groups", "blocks"};

enum class Product { forward, adjoint, weights };

/// A shape with filters, a chunk of images and one of adjoints.
template <class S>
class Problem {
 public:
  explicit Problem(const benchmark::State& state) : blocks_(state.range(4)) {
    shape_.in_channels = shape_.out_channels = state.range(0);
    shape_.height = shape_.width = state.range(1);
    shape_.kernel_rows = shape_.kernel_columns = state.range(2);
    shape_.groups = state.range(3);
    check_convolution(shape_);
    reference::Random random(1);
    W_ = random.vector<S>(shape_.weights());
    x_ = random.vector<S>(size());
    s_ = random.vector<S>(size());
    memory_.reserve(convolution_scratch<S>(shape_));
  }

  /// The product, without a start.
  void run(Product product, std::vector<S>& out) {
    S* scratch = memory_.reserve(0);
    if (product == Product::forward)
      multiply<S>(shape_, blocks_, {}, {W_.data(), x_.data()}, {}, out.data(), scratch);
    else if (product == Product::adjoint)
      multiply_transposed<S>(shape_, blocks_, {}, {W_.data(), s_.data()}, {}, out.data(), scratch);
    else
      add_outer<S>(shape_, blocks_, s_.data(), x_.data(), out.data(), scratch);
  }

  std::vector<S> zeros(Product product) const {
    return std::vector<S>(product == Product::weights ? W_.size() : x_.size());
  }

  std::vector<Real> expected(Product product) const {
    std::vector<Real> out(zeros(product).size());
    const Index channels = shape_.in_channels / shape_.groups, n = shape_.height;
    const Index half = shape_.kernel_rows / 2;
    Index weight = 0;
    for (Index o = 0; o < shape_.out_channels; ++o)
      for (Index c = 0; c < channels; ++c)
        for (Index k = -half; k <= half; ++k)
          for (Index l = -half; l <= half; ++l, ++weight)
            for (Index i = 0; i < n; ++i)
              for (Index j = 0; j < n; ++j) {
                if (i + k < 0 || i + k >= n || j + l < 0 || j + l >= n) continue;
                const Index in = ((o / channels * channels + c) * n + i + k) * n + j + l;
                add(product, weight, (o * n + i) * n + j, in, out);
              }
    return out;
  }

  /// What the formula needs, with the taps that meet the zeros around an image.
  double flops() const {
    return 2.0 * static_cast<double>(shape_.weights() * shape_.pixels() * blocks_ * kLanes<S>);
  }

 private:
  Index size() const { return shape_.inputs() * blocks_ * kLanes<S>; }

  /// Add what one weight does for one pixel of all samples.
  void add(Product product, Index weight, Index out, Index in, std::vector<Real>& sums) const {
    constexpr Index L = kLanes<S>;
    const auto real = [](const std::vector<S>& v, Index i) { return static_cast<Real>(v[u(i)]); };
    for (Index b = 0; b < blocks_; ++b)
      for (Index lane = 0; lane < L; ++lane) {
        const Index to = (b * shape_.outputs() + out) * L + lane;
        const Index from = (b * shape_.inputs() + in) * L + lane;
        if (product == Product::forward)
          sums[u(to)] += real(W_, weight) * real(x_, from);
        else if (product == Product::adjoint)
          sums[u(from)] += real(W_, weight) * real(s_, to);
        else
          sums[u(weight)] += real(s_, to) * real(x_, from);
      }
  }

  ConvolutionShape shape_;
  Index blocks_;
  std::vector<S> W_, x_, s_;
  Buffer<S> memory_;
};

/// The multiply-add peak of one thread: the best of some short looks, in most of which no other
/// program has the processor.
template <class S>
double peak() {
  double best = 0;
  for (int look = 0; look < 30; ++look) best = std::max(best, multiply_add_rate<S>(3e-4));
  return best;
}

/// Processor time, which other programs change least.
template <class S, Product product>
void convolution(benchmark::State& state) {
  set_num_threads(1);
  Problem<S> problem(state);
  std::vector<S> out = problem.zeros(product);
  problem.run(product, out);
  const double error = bench::relative_error(out, problem.expected(product));
  if (!bench::accept(state, error, kTolerance<S>)) return;
  const std::clock_t start = std::clock();
  for (auto _ : state) {
    problem.run(product, out);
    benchmark::DoNotOptimize(out.data());
  }
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  const double flops = problem.flops() * static_cast<double>(state.iterations());
  state.counters["FLOP"] = benchmark::Counter(flops, benchmark::Counter::kIsRate);
  state.counters["of_peak"] = flops / seconds / peak<S>();
}

/// Channels from few to many, images from small to large, chunks of one block and of four.
constexpr auto images = [](auto* b) {
  for (const std::int64_t channels : {8, 16, 32})
    for (const std::int64_t image : {8, 14, 28}) b->Args({channels, image, 3, 1, 1});
  b->Args({16, 8, 3, 1, 4});
};

/// Other kernels, and a group for each channel.
constexpr auto kernels = [](auto* b) {
  b->Args({16, 14, 1, 1, 1})->Args({16, 14, 5, 1, 1})->Args({16, 14, 3, 16, 1});
};

constexpr auto one = [](auto* b) { b->Args({16, 14, 3, 1, 1}); };

}  // namespace

#define MGRES_BENCHMARK(S, product, name)              \
  BENCHMARK_TEMPLATE(convolution, S, Product::product) \
      ->Name("convolution/" name)                      \
      ->ArgNames(kArguments)                           \
      ->Unit(benchmark::kMicrosecond)

MGRES_BENCHMARK(float, forward, "float/forward")->Apply(images)->Apply(kernels);
MGRES_BENCHMARK(float, adjoint, "float/adjoint")->Apply(images)->Apply(kernels);
MGRES_BENCHMARK(float, weights, "float/weights")->Apply(images)->Apply(kernels);
MGRES_BENCHMARK(double, forward, "double/forward")->Apply(one);
MGRES_BENCHMARK(double, adjoint, "double/adjoint")->Apply(one);
MGRES_BENCHMARK(double, weights, "double/weights")->Apply(one);
