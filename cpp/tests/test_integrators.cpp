// Steps of every scheme with blocks of every kind: the adjoint against the tangent, and the adjoint's
// own derivative against differences.
#include <limits>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/integrator.hpp"
#include "mgres/workspace.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;
using reference::Real;

namespace {

using Vector = std::vector<double>;

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

struct Kind {
  BlockSpec block;
  Scheme scheme;
  double substeps;
};

BlockSpec spec(BlockKind kind, Index hidden = 0, Norm norm = Norm::none, bool paced = false) {
  return {kind, Activation::tanh, hidden, norm, paced};
}

const Kind kKinds[] = {
    {spec(BlockKind::dense), Scheme::euler, 1},
    {spec(BlockKind::dense), Scheme::matched, 4},
    {spec(BlockKind::antisymmetric), Scheme::rk4, 1},
    {spec(BlockKind::two_layer, 5), Scheme::euler, 1},
    {spec(BlockKind::two_layer, 5), Scheme::matched, 1},  // of which the second weight is zero
    {spec(BlockKind::two_layer, 5, Norm::layer, true), Scheme::rk4, 1},
    {spec(BlockKind::gradient, 3, Norm::rms), Scheme::matched, 3},
    {spec(BlockKind::hamiltonian), Scheme::verlet, 1},
    {spec(BlockKind::potential, 3), Scheme::verlet, 1},
};

/// A step with everything that it needs, at a point moved by t along its direction.
struct Step {
  explicit Step(const Kind& kind) {
    ResNet net;
    net.width = 4;
    net.depth = 4;
    net.final_time = 1.3;
    net.block = kind.block;
    net.scheme = kind.scheme;
    net.substeps = kind.substeps;
    integrator = make_integrator<double>(net);
    parameters = fields(net.block, net.width).size();
    state = net.width * kBlocks * kLanes<double>;
    Random random(3);
    p = random.vector<double>(parameters);
    p_dot = random.vector<double>(parameters);
    for (auto* vector : {&y, &y_dot, &a, &a_dot}) *vector = random.vector<double>(state);
  }

  static Vector moved(const Vector& x, const Vector& direction, double t) {
    Vector found = x;
    for (std::size_t i = 0; i < x.size(); ++i) found[i] += t * direction[i];
    return found;
  }

  /// The adjoint of the step and its gradient.
  Vector adjoint(double t) {
    const Vector q = moved(p, p_dot, t), x = moved(y, y_dot, t);
    Vector found = moved(a, a_dot, t), gradient(u(parameters), 0), out(u(state));
    double* record = records.reserve(integrator->record_size(kBlocks));
    double* scratch = memory.reserve(integrator->scratch(kBlocks));
    integrator->forward(q.data(), kBlocks, x.data(), out.data(), record, scratch);
    integrator->adjoint(q.data(), kBlocks, x.data(), record, found.data(), gradient.data(),
                        scratch);
    found.insert(found.end(), gradient.begin(), gradient.end());
    return found;
  }

  static constexpr Index kBlocks = 2;
  IntegratorPtr<double> integrator;
  Index parameters, state;
  Vector p, p_dot, y, y_dot, a, a_dot;
  Buffer<double> records, memory;
};

double dot(const double* x, const Vector& y) {
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) sum += x[i] * y[i];
  return sum;
}

}  // namespace

TEST_CASE("steps with their derivatives") {
  for (const Kind& kind : kKinds) {
    CAPTURE(static_cast<int>(kind.block.kind));
    CAPTURE(static_cast<int>(kind.scheme));
    Step s(kind);
    const Integrator<double>& integrator = *s.integrator;
    const Index blocks = Step::kBlocks;
    const Vector adjoint = s.adjoint(0);

    // <a, d out> = <adjoint, (dy, dp)> for both kinds of tangents
    for (const bool second : {false, true}) {
      CAPTURE(second);
      Vector out(u(s.state)), out_dot(u(s.state)), plain(u(s.state));
      double* record = s.records.reserve(integrator.dual_record_size(blocks));
      double* scratch = s.memory.reserve(integrator.scratch(blocks));
      integrator.forward(s.p.data(), blocks, s.y.data(), plain.data(), nullptr, scratch);
      integrator.tangent({s.p.data(), s.p_dot.data()}, blocks, {s.y.data(), s.y_dot.data()},
                         {out.data(), out_dot.data()}, second, record, scratch);
      const std::vector<Real> expected(plain.begin(), plain.end());
      CHECK(reference::error_in_epsilons(out.data(), expected) < 100);
      const double left = dot(s.a.data(), out_dot);
      const double right = dot(adjoint.data(), s.y_dot) + dot(adjoint.data() + s.state, s.p_dot);
      CHECK(left == doctest::Approx(right).epsilon(1e-13));

      Vector a = s.a, a_dot = s.a_dot, gradient(u(s.parameters), 0);
      if (!second) {  // the record is that of a plain way back
        integrator.adjoint(s.p.data(), blocks, s.y.data(), record, a.data(), gradient.data(),
                           scratch);
        a.insert(a.end(), gradient.begin(), gradient.end());
        const std::vector<Real> same(adjoint.begin(), adjoint.end());
        CHECK(reference::error_in_epsilons(a.data(), same) < 100);
        continue;
      }
      integrator.adjoint_tangent({s.p.data(), s.p_dot.data()}, blocks, {s.y.data(), s.y_dot.data()},
                                 record, {a.data(), a_dot.data()}, gradient.data(), scratch);
      const std::vector<Real> value(adjoint.begin(), adjoint.begin() + s.state);
      CHECK(reference::error_in_epsilons(a.data(), value) < 100);
      const double t = 1e-4;
      const Vector l = s.adjoint(-t), r = s.adjoint(t), ll = s.adjoint(-2 * t),
                   rr = s.adjoint(2 * t);
      std::vector<Real> rate(adjoint.size());
      for (std::size_t i = 0; i < rate.size(); ++i)
        rate[i] = (8 * (r[i] - l[i]) - (rr[i] - ll[i])) / (12 * t);
      a_dot.insert(a_dot.end(), gradient.begin(), gradient.end());
      // differences in double precision, with an error of t^4
      CHECK(reference::error_in_epsilons(a_dot.data(), rate) * 2.3e-16 < 1e-8);
    }
  }
}

TEST_CASE("a step in place of scratch and record gives the same bits") {
  for (const Kind& kind : kKinds) {
    CAPTURE(static_cast<int>(kind.block.kind));
    Step s(kind);
    Vector with(u(s.state)), without(u(s.state));
    double* record = s.records.reserve(s.integrator->record_size(Step::kBlocks));
    double* scratch = s.memory.reserve(s.integrator->forward_scratch(Step::kBlocks));
    s.integrator->forward(s.p.data(), Step::kBlocks, s.y.data(), with.data(), record, scratch);
    s.integrator->forward(s.p.data(), Step::kBlocks, s.y.data(), without.data(), nullptr, scratch);
    CHECK(with == without);
  }
}
