// Every block with its derivatives against its formula in long double, by complex steps and
// differences; one table of cases, four checks for each.
#include <complex>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/arena.hpp"
#include "mgres/block.hpp"
#include "mgres/workspace.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;
using reference::Real;
using Complex = std::complex<Real>;
using Vector = std::vector<Real>;

namespace {

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

constexpr Real kComplexStep = 1e-30L;
constexpr double kStep = 0.25;
constexpr double kTolerance = 400;  // in epsilons of S, relative to the largest number

/// sigma for a complex step: the real part decides on the branch.
Complex sigma(Activation activation, Complex z) {
  return {reference::sigma(activation, z.real()),
          reference::slope(activation, z.real()) * z.imag()};
}

using Complexes = std::vector<Complex>;

/// h F(x; p) of one sample, by the formulas of block_spec.hpp.
Complexes formula(const BlockSpec& spec, const Complexes& p, Complexes x) {
  const Index v = static_cast<Index>(x.size()), n = spec.hidden;
  BlockSpec plain = spec;
  plain.norm = Norm::none;
  plain.paced = false;
  const Index inner = fields(plain, v).size();
  if (spec.norm != Norm::none) {
    Complex mean = 0, square = 0;
    if (spec.norm == Norm::layer)
      for (const Complex& value : x) mean += value / static_cast<Real>(v);
    for (const Complex& value : x) square += (value - mean) * (value - mean) / static_cast<Real>(v);
    const Complex deviation = std::sqrt(square + static_cast<Real>(1e-5));
    for (Index i = 0; i < v; ++i) x[u(i)] = p[u(inner + i)] * (x[u(i)] - mean) / deviation;
  }
  const auto affine = [&](Index rows, Index columns, Index bias, const auto& entry,
                          const Complexes& y) {
    Complexes z(u(rows));
    for (Index i = 0; i < rows; ++i) {
      if (bias >= 0) z[u(i)] = p[u(bias + i)];
      for (Index j = 0; j < columns; ++j) z[u(i)] += entry(i, j) * y[u(j)];
    }
    return z;
  };
  const auto activated = [&](Complexes z) {
    for (Complex& value : z) value = sigma(spec.activation, value);
    return z;
  };
  const auto at = [&](Index first, Index columns) {
    return [&p, first, columns](Index i, Index j) { return p[u(first + i * columns + j)]; };
  };
  Complexes F;
  if (spec.kind == BlockKind::two_layer) {
    const Complexes a = activated(affine(n, v, n * v, at(0, v), x));
    F = affine(v, n, n * (v + 1) + v * n, at(n * (v + 1), n), a);
  } else if (spec.kind == BlockKind::gradient) {
    const Complexes a = activated(affine(n, v, n * v, at(0, v), x));
    F = affine(v, n, -1, [&](Index i, Index j) { return p[u(j * v + i)]; }, a);
    for (Complex& value : F) value *= static_cast<Real>(spec.sign);
  } else if (spec.kind == BlockKind::antisymmetric) {
    const auto entry = [&](Index i, Index j) {
      const Complex half = (p[u(i * v + j)] - p[u(j * v + i)]) / static_cast<Real>(2);
      return i == j ? half - static_cast<Real>(spec.damping) : half;
    };
    F = activated(affine(v, v, v * v, entry, x));
  } else if (spec.sparsity.any()) {
    const Lines& rows = spec.sparsity.pattern->rows();
    F.assign(p.begin() + spec.sparsity.pattern->entries(), p.begin() + inner);
    for (Index i = 0; i < v; ++i)
      for (Index k = rows.starts[u(i)]; k < rows.starts[u(i + 1)]; ++k)
        F[u(i)] += p[u(k)] * x[u(rows.across[u(k)])];
    F = activated(F);
  } else {
    F = activated(affine(v, v, v * v, at(0, v), x));
  }
  Complex pace = static_cast<Real>(kStep);
  if (spec.paced) pace *= std::exp(p.back());
  for (Complex& value : F) value *= pace;
  return F;
}

template <class S>
struct Case {
  Case(const BlockSpec& spec_, Index width_, Index blocks_)
      : spec(spec_),
        width(width_),
        blocks(blocks_),
        block(make_block<S>(spec, width, kStep)),
        samples(blocks * kLanes<S>),
        state(width * samples),
        random(static_cast<std::uint64_t>(97 * width + blocks)) {
    REQUIRE(block->parameters() == fields(spec, width).size());
    p = random.vector<S>(block->parameters());
    p_dot = random.vector<S>(block->parameters());
    for (auto* vector : {&x, &x_dot, &r, &r_dot, &a, &a_dot}) *vector = random.vector<S>(state);
    // A norm divides by the size of its input: near zero its derivatives have no digits to compare.
    if (spec.norm != Norm::none)
      for (Index n = 0; n < samples; ++n)
        for (Index i = 0; i < width; ++i) x[u(at(n, i))] += i % 2 == 0 ? S(1.5) : S(-1.5);
    record.assign(u(block->record_size(blocks)), S(1e9));
    bend.assign(u(block->bend_size(blocks)), S(1e9));
    scratch = memory.reserve(block->scratch_size(blocks));
    std::fill_n(scratch, block->scratch_size(blocks), S(1e9));
  }

  Index at(Index sample, Index i) const {
    return (sample / kLanes<S> * width + i) * kLanes<S> + sample % kLanes<S>;
  }

  /// The parameters and a sample moved by t along their directions, with imaginary parts.
  Complexes moved(const std::vector<S>& value, const std::vector<S>& dot, Real t) const {
    Complexes found(value.size());
    for (std::size_t i = 0; i < value.size(); ++i)
      found[i] = static_cast<Real>(value[i]) + t * static_cast<Real>(dot[i]);
    return found;
  }
  Complexes sample(const Complexes& of_chunk, Index n) const {
    Complexes found(u(width));
    for (Index i = 0; i < width; ++i) found[u(i)] = of_chunk[u(at(n, i))];
    return found;
  }

  /// G and its derivative along the direction, for the whole chunk.
  void expected_forward(Vector& G, Vector& G_dot) const {
    Complexes q = moved(p, p_dot, 0), y = moved(x, x_dot, 0);
    for (std::size_t i = 0; i < q.size(); ++i) q[i] += Complex(0, kComplexStep * p_dot[i]);
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += Complex(0, kComplexStep * x_dot[i]);
    G.resize(u(state));
    G_dot.resize(u(state));
    for (Index n = 0; n < samples; ++n) {
      const Complexes F = formula(spec, q, sample(y, n));
      for (Index i = 0; i < width; ++i) {
        G[u(at(n, i))] = F[u(i)].real();
        G_dot[u(at(n, i))] = F[u(i)].imag() / kComplexStep;
      }
    }
  }

  /// (dG/dx)^T r and then (dG/dp)^T r at the point moved by t.
  Vector expected_adjoint(Real t) const {
    const Complexes q = moved(p, p_dot, t), y = moved(x, x_dot, t), w = moved(r, r_dot, t);
    Vector found(u(state + block->parameters()), 0);
    for (Index n = 0; n < samples; ++n) {
      const auto slope = [&](const Complexes& parameters, const Complexes& input) {
        const Complexes F = formula(spec, parameters, input);
        Real sum = 0;
        for (Index i = 0; i < width; ++i) sum += w[u(at(n, i))].real() * F[u(i)].imag();
        return sum / kComplexStep;
      };
      for (Index i = 0; i < width; ++i) {
        Complexes input = sample(y, n);
        input[u(i)] += Complex(0, kComplexStep);
        found[u(at(n, i))] = slope(q, input);
      }
      for (Index j = 0; j < block->parameters(); ++j) {
        Complexes parameters = q;
        parameters[u(j)] += Complex(0, kComplexStep);
        found[u(state + j)] += slope(parameters, sample(y, n));
      }
    }
    return found;
  }

  BlockSpec spec;
  Index width, blocks;
  BlockPtr<S> block;
  Index samples, state;
  Random random;
  std::vector<S> p, p_dot, x, x_dot, r, r_dot, a, a_dot, record, bend;
  Buffer<S> memory;
  S* scratch;
};

/// `actual` less what was there before, as the expected numbers.
template <class S>
void check_close(const std::vector<S>& actual, const std::vector<S>& before, const Vector& expected,
                 Index first = 0) {
  Vector sum(actual.size());
  for (std::size_t i = 0; i < actual.size(); ++i)
    sum[i] = static_cast<Real>(before[i]) + expected[i + u(first)];
  CHECK(reference::error_in_epsilons(actual.data(), sum) < kTolerance);
}

template <class S>
void check_block_derivatives(const BlockSpec& spec, Index width, Index blocks) {
  CAPTURE(static_cast<int>(spec.kind));
  CAPTURE(static_cast<int>(spec.activation));
  CAPTURE(static_cast<int>(spec.norm));
  CAPTURE(spec.paced);
  CAPTURE(spec.hidden);
  CAPTURE(width);
  CAPTURE(blocks);
  Case<S> c(spec, width, blocks);
  const std::vector<S> nothing(u(c.state), S(0));
  Vector G, G_dot;
  c.expected_forward(G, G_dot);

  // forward: a plain step, and several updates; with a record or without
  std::vector<S> one(u(c.state)), two(u(c.state));
  const Update<S> step{c.a.data(), one.data()};
  c.block->forward(c.p.data(), blocks, c.x.data(), {&step, 1}, nullptr, c.scratch);
  check_close(one, c.a, G);
  const Update<S> both[] = {{c.a.data(), one.data()}, {nullptr, two.data(), S(-1)}};
  c.block->forward(c.p.data(), blocks, c.x.data(), {both, 2}, c.record.data(), c.scratch);
  check_close(one, c.a, G);
  Vector negative = G;
  for (Real& value : negative) value = -value;
  check_close(two, nothing, negative);

  // adjoint: into a vector of its own, in place, and without a gradient
  const Vector adjoint = c.expected_adjoint(0);
  const std::vector<S> before = c.random.template vector<S>(c.block->parameters());
  std::vector<S> a = c.a, in_place = c.r, alone = c.a, gradient = before, unused = before;
  c.block->adjoint(c.p.data(), blocks, c.x.data(), c.record.data(), c.r.data(), a.data(),
                   gradient.data(), c.scratch);
  check_close(a, c.a, adjoint);
  check_close(gradient, before, adjoint, c.state);
  c.block->adjoint(c.p.data(), blocks, c.x.data(), c.record.data(), in_place.data(),
                   in_place.data(), unused.data(), c.scratch);
  check_close(in_place, c.r, adjoint);
  CHECK(unused == gradient);
  c.block->adjoint(c.p.data(), blocks, c.x.data(), c.record.data(), c.r.data(), alone.data(),
                   nullptr, c.scratch);
  CHECK(alone == a);

  // tangent, with its two records
  for (const bool second : {false, true}) {
    CAPTURE(second);
    const Update<S> dual[] = {{c.a.data(), one.data(), 1, c.a_dot.data(), two.data()}};
    c.block->tangent({c.p.data(), c.p_dot.data()}, blocks, {c.x.data(), c.x_dot.data()}, {dual, 1},
                     c.record.data(), second ? c.bend.data() : nullptr, c.scratch);
    check_close(one, c.a, G);
    check_close(two, c.a_dot, G_dot);
    a = c.a;
    gradient = before;
    c.block->adjoint(c.p.data(), blocks, c.x.data(), c.record.data(), c.r.data(), a.data(),
                     gradient.data(), c.scratch);
    check_close(a, c.a, adjoint);
    check_close(gradient, before, adjoint, c.state);
  }

  // adjoint tangent: differences of the adjoint along the direction
  const Real t = 1e-5L;
  Vector rate(adjoint.size());
  const Vector left = c.expected_adjoint(-t), right = c.expected_adjoint(t);
  const Vector far_left = c.expected_adjoint(-2 * t), far_right = c.expected_adjoint(2 * t);
  for (std::size_t i = 0; i < rate.size(); ++i)
    rate[i] = (8 * (right[i] - left[i]) - (far_right[i] - far_left[i])) / (12 * t);
  for (const bool same : {false, true}) {
    CAPTURE(same);
    std::vector<S> value = same ? c.r : c.a, dot = same ? c.r_dot : c.a_dot;
    const std::vector<S> value_before = value, dot_before = dot;
    const Dual<S> to{value.data(), dot.data()};
    const Dual<const S> from{same ? value.data() : c.r.data(), same ? dot.data() : c.r_dot.data()};
    gradient = before;
    c.block->adjoint_tangent({c.p.data(), c.p_dot.data()}, blocks, {c.x.data(), c.x_dot.data()},
                             c.record.data(), c.bend.data(), from, to, gradient.data(), c.scratch);
    check_close(value, value_before, adjoint);
    check_close(dot, dot_before, rate);
    check_close(gradient, before, rate, c.state);
  }
}

const BlockKind kKinds[] = {BlockKind::dense, BlockKind::antisymmetric, BlockKind::two_layer,
                            BlockKind::gradient};

BlockSpec make_spec(BlockKind kind, Activation activation, Index hidden, Norm norm = Norm::none,
                    bool paced = false) {
  BlockSpec spec{kind, activation, hidden, norm, paced};
  if (kind == BlockKind::antisymmetric) spec.damping = 0.2;
  if (kind == BlockKind::dense || kind == BlockKind::antisymmetric) spec.hidden = 0;
  return spec;
}

}  // namespace

TEST_CASE_TEMPLATE("every block with every activation", S, float, double) {
  for (const BlockKind kind : kKinds)
    for (const Activation activation : reference::kActivations)
      check_block_derivatives<S>(make_spec(kind, activation, 5), 3, 2);
}

TEST_CASE_TEMPLATE("every block with norms and a pace", S, float, double) {
  for (const BlockKind kind : kKinds)
    for (const Norm norm : {Norm::none, Norm::layer, Norm::rms})
      for (const bool paced : {false, true})
        for (const Activation activation : {Activation::silu, Activation::relu})
          check_block_derivatives<S>(make_spec(kind, activation, 4, norm, paced), 5, 1);
}

TEST_CASE_TEMPLATE("blocks of sizes around the tiles", S, float, double) {
  for (const Index width : {1, 2, 7, 17})
    for (const Index hidden : {1, 13, 18}) {
      check_block_derivatives<S>(make_spec(BlockKind::two_layer, Activation::tanh, hidden), width,
                                 1);
      check_block_derivatives<S>(
          make_spec(BlockKind::gradient, Activation::tanh, hidden, Norm::rms, true), width, 1);
    }
}

TEST_CASE_TEMPLATE("sparse blocks", S, float, double) {
  Random random(22);
  for (const Index width : {1, 5, 18}) {
    std::vector<Index> starts{0}, columns;
    for (Index i = 0; i < width; ++i) {
      for (Index j = 0; j < width; ++j)
        if (i == j || (i % 4 != 1 && random.below(5) == 0)) columns.push_back(j);
      if (width > 1 && i == 0) columns.clear();  // no entry in the first row
      starts.push_back(static_cast<Index>(columns.size()));
    }
    BlockSpec spec;
    spec.sparsity.pattern = std::make_shared<const Pattern>(width, starts, columns);
    for (const Index blocks : {1, 3, 9}) {
      spec.activation = Activation::relu;
      spec.norm = Norm::none;
      spec.paced = false;
      check_block_derivatives<S>(spec, width, blocks);
      spec.activation = Activation::gelu;
      spec.norm = blocks == 1 ? Norm::rms : Norm::none;
      spec.paced = blocks == 1;
      check_block_derivatives<S>(spec, width, blocks);
    }
  }
}

TEST_CASE_TEMPLATE("a direction that is null counts as zero", S, float, double) {
  for (const BlockKind kind : kKinds)
    for (const Norm norm : {Norm::none, Norm::layer}) {
      Case<S> c(make_spec(kind, Activation::tanh, 4, norm, true), 5, 1);
      const std::vector<S> zero(c.p.size(), S(0));
      std::vector<S> found[2][3];
      for (const int i : {0, 1}) {
        const Dual<const S> p{c.p.data(), i == 0 ? nullptr : zero.data()};
        std::vector<S> out(u(c.state)), dot(u(c.state));
        const Update<S> dual{c.a.data(), out.data(), 1, c.a_dot.data(), dot.data()};
        c.block->tangent(p, 1, {c.x.data(), c.x_dot.data()}, {&dual, 1}, c.record.data(),
                         c.bend.data(), c.scratch);
        std::vector<S> value = c.a, rate = c.a_dot, gradient = zero;
        c.block->adjoint_tangent(p, 1, {c.x.data(), c.x_dot.data()}, c.record.data(), c.bend.data(),
                                 {c.r.data(), c.r_dot.data()}, {value.data(), rate.data()},
                                 gradient.data(), c.scratch);
        found[i][0] = dot;
        found[i][1] = rate;
        found[i][2] = gradient;
      }
      for (const int k : {0, 1, 2}) {
        const Vector expected(found[1][k].begin(), found[1][k].end());
        CHECK(reference::error_in_epsilons(found[0][k].data(), expected) < 10);
      }
    }
}

TEST_CASE("what does not fit a block is named") {
  const auto message = [](const BlockSpec& spec, Index width, Scheme scheme = Scheme::euler) {
    try {
      check_block(spec, width);
      check_scheme(spec, scheme);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(message({}, 3) == "");
  CHECK(message({BlockKind::two_layer}, 3).find("hidden: expected at least 1") == 0);
  CHECK(message({BlockKind::dense, Activation::relu, 4}, 3).find("hidden: expected 0") == 0);
  CHECK(message({BlockKind::hamiltonian}, 3).find("width: expected an even number") == 0);
  CHECK(message({BlockKind::hamiltonian}, 4).find("scheme: ") == 0);
  CHECK(message({BlockKind::hamiltonian}, 4, Scheme::verlet) == "");
  CHECK(message({}, 4, Scheme::verlet).find("scheme: ") == 0);
  BlockSpec spec;
  spec.damping = 1;
  CHECK(message(spec, 3).find("damping: needs antisymmetric") == 0);
  spec.kind = BlockKind::antisymmetric;
  CHECK(message(spec, 3) == "");
  spec.damping = -1;
  CHECK(message(spec, 3).find("damping: expected a number >= 0") == 0);
  spec = {};
  spec.sparsity.lower = spec.sparsity.upper = 1;
  CHECK(message(spec, 3) == "");
  CHECK(message(spec, Index{1} << 30).find("pattern: expected at most 2147483647 entries") == 0);
  spec.sparsity.pattern = spec.sparsity.of(3);
  CHECK(message(spec, 3) == "");
  CHECK(message(spec, 4) == "width: expected that of the pattern, 3, got 4");
  spec.kind = BlockKind::antisymmetric;
  CHECK(message(spec, 3) == "pattern: only possible with dense blocks");
  spec = {BlockKind::potential, Activation::tanh, 2, Norm::layer};
  CHECK(message(spec, 4, Scheme::verlet).find("norm: not possible") == 0);
}
