// Transfers in depth by a factor of 2, for narrow and for wide layers.
#include <vector>

#include <benchmark/benchmark.h>

#include "answer.hpp"
#include "mgres/transfer.hpp"
#include "reference_transfer.hpp"

using namespace mgres;

namespace {

using Number = float;
using Vector = std::vector<Number>;

constexpr double kTolerance = 1e-6;

/// Arguments: width, and depth of the finer network.
DepthTransfer transfer(const benchmark::State& state) {
  const Index width = state.range(0);
  return {2 * width, {{width * width + width, state.range(1) / 2}}, 2, 2 * width + 2};
}

/// Check `out`, which `run` writes, then time `run`.  `numbers` are read or written.
template <class Run>
void check_and_time(benchmark::State& state, const reference::Matrix& matrix, const Vector& in,
                    Vector& out, Index numbers, const Run& run) {
  run();
  const auto expected = reference::apply({matrix}, transfer(state), in);
  if (!bench::accept(state, bench::relative_error(out, expected), kTolerance)) return;
  for (auto _ : state) {
    run();
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * numbers * static_cast<Index>(sizeof(Number)));
}

Vector random_vector(Index size) { return reference::Random(1).vector<Number>(size); }

template <Prolongation kind>
void prolong(benchmark::State& state) {
  const DepthTransfer t = transfer(state);
  const Vector in = random_vector(t.coarse_size());
  Vector out(static_cast<std::size_t>(t.fine_size()));
  const auto P = reference::prolongation_matrix(kind, t.stacks[0].coarse_depth, t.factor);
  check_and_time(state, P, in, out, t.coarse_size() + t.fine_size(),
                 [&] { mgres::prolong(t, kind, in.data(), out.data()); });
}

template <Prolongation kind>
void restrict(benchmark::State& state) {
  const DepthTransfer t = transfer(state);
  const Vector in = random_vector(t.fine_size());
  Vector out(static_cast<std::size_t>(t.coarse_size()));
  const auto P = reference::prolongation_matrix(kind, t.stacks[0].coarse_depth, t.factor);
  check_and_time(state, P.transposed(), in, out, t.fine_size() + t.coarse_size(),
                 [&] { mgres::restrict(t, kind, in.data(), out.data()); });
}

template <Projection kind>
void project(benchmark::State& state) {
  const DepthTransfer t = transfer(state);
  const Vector in = random_vector(t.fine_size());
  Vector out(static_cast<std::size_t>(t.coarse_size()));
  const auto Pi = reference::projection_matrix(kind, t.stacks[0].coarse_depth, t.factor);
  const Index read = kind == Projection::injection ? t.coarse_size() : t.fine_size();
  check_and_time(state, Pi, in, out, read + t.coarse_size(),
                 [&] { mgres::project(t, kind, in.data(), out.data()); });
}

}  // namespace

#define MGRES_BENCHMARK(function, kind, name) \
  BENCHMARK_TEMPLATE(function, kind)          \
      ->Name(name)                            \
      ->ArgNames({"width", "depth"})          \
      ->Args({10, 2048})                      \
      ->Args({64, 512})                       \
      ->UseRealTime()                         \
      ->Unit(benchmark::kMicrosecond)

MGRES_BENCHMARK(prolong, Prolongation::constant, "prolong/constant");
MGRES_BENCHMARK(prolong, Prolongation::linear, "prolong/linear");
MGRES_BENCHMARK(restrict, Prolongation::constant, "restrict/constant");
MGRES_BENCHMARK(restrict, Prolongation::linear, "restrict/linear");
MGRES_BENCHMARK(project, Projection::mean, "project/mean");
MGRES_BENCHMARK(project, Projection::injection, "project/injection");
MGRES_BENCHMARK(project, Projection::full_weighting, "project/full_weighting");
