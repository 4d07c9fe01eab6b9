// Products with second derivatives against complex steps and differences of the plain network in
// long double, for every tableau, and their promises about threads and fixed parts.
#include <complex>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/curvature.hpp"
#include "mgres/scheme.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;
using reference::Real;
using Complex = std::complex<Real>;

namespace {

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

constexpr Loss kLosses[] = {Loss::cross_entropy, Loss::squared_error};
constexpr Curvature kKinds[] = {Curvature::hessian, Curvature::gauss_newton};
constexpr Real kComplexStep = 1e-30L;

/// sigma for a complex step: the real part decides on the branch.
Complex sigma(Activation activation, Complex z) {
  const Real slope = reference::slope(activation, z.real());
  return {reference::sigma(activation, z.real()), slope * z.imag()};
}

/// A network, parameters, a direction and samples.
template <class S>
struct Problem {
  Problem(Index width, Index depth, Activation activation, Index samples_, bool labels_,
          Scheme scheme = Scheme::euler)
      : samples(samples_), labels(labels_) {
    net.inputs = 2;
    net.width = width;
    net.outputs = 3;
    net.depth = depth;
    net.final_time = 1.5;
    net.block.activation = activation;
    net.scheme = scheme;
    net.substeps = 8;
    steps = tableau(scheme, net.substeps);
    size = Layout(net).size;
    Random random(static_cast<std::uint64_t>(10 * width + samples));
    theta = random.vector<S>(size);
    v = random.vector<S>(size);
    X = random.vector<S>(samples * net.inputs);
    vectors = random.vector<S>(samples * net.outputs, 0, 1);
    classes.resize(u(samples));
    for (std::int64_t& label : classes) label = random.below(net.outputs);
  }

  Targets<S> targets() const {
    Targets<S> t;
    if (labels)
      t.labels = classes.data();
    else
      t.vectors = vectors.data();
    return t;
  }

  std::vector<S> product(Curvature kind, Loss loss, const Trainable& trainable = {}) {
    std::vector<S> out(u(size), S(77));
    Interrupt never;
    curvature_product<S>(kind, net, loss, trainable, theta.data(), Batch<S>{X.data(), samples},
                         targets(), v.data(), out.data(), workspace, never);
    return out;
  }

  /// The parameters plus t e_i, with the direction as imaginary part.
  std::vector<Complex> point(Index i, Real t, const std::vector<Real>& direction) const {
    std::vector<Complex> p(u(size));
    for (Index j = 0; j < size; ++j)
      p[u(j)] = {static_cast<Real>(theta[u(j)]) + (i == j ? t : 0), kComplexStep * direction[u(j)]};
    return p;
  }

  /// The logits of a sample.
  std::vector<Complex> logits(const std::vector<Complex>& p, Index sample) const {
    const Layout at(net);
    const Index w = net.width;
    const Real h = static_cast<Real>(net.step());
    const auto affine = [&](Index W, Index columns, Index b, const std::vector<Complex>& x,
                            Index rows) {
      std::vector<Complex> z(u(rows));
      for (Index r = 0; r < rows; ++r) {
        if (b >= 0) z[u(r)] = p[u(b + r)];
        for (Index c = 0; c < columns; ++c) z[u(r)] += p[u(W + r * columns + c)] * x[u(c)];
      }
      return z;
    };
    std::vector<Complex> x(X.begin() + sample * net.inputs, X.begin() + (sample + 1) * net.inputs);
    std::vector<Complex> y = affine(0, net.inputs, -1, x, w);
    for (Index k = 0; k < net.depth; ++k) {
      const Index W = at.layers[0] + k * at.layer[0];
      std::vector<std::vector<Complex>> stages;
      const auto combine = [&](const double* weights) {
        std::vector<Complex> sum = y;
        for (std::size_t j = 0; j < stages.size(); ++j)
          for (Index i = 0; i < w; ++i)
            sum[u(i)] += h * static_cast<Real>(weights[j]) * stages[j][u(i)];
        return sum;
      };
      for (int i = 0; i < steps.stages; ++i) {
        std::vector<Complex> z = affine(W, w, W + w * w, combine(steps.a[i]), w);
        for (Complex& value : z) value = sigma(net.block.activation, value);
        stages.push_back(z);
      }
      y = combine(steps.b);
    }
    return affine(at.closing, w, at.closing + w * net.outputs, y, net.outputs);
  }

  /// The derivative of the mean loss along the direction.
  Real slope(Loss loss, const std::vector<Complex>& p) const {
    Real sum = 0;
    for (Index n = 0; n < samples; ++n) {
      const std::vector<Complex> z = logits(p, n);
      std::vector<Real> g(z.size());
      for (std::size_t c = 0; c < z.size(); ++c) g[c] = z[c].real();
      reference::loss(loss, g, reference::target(targets(), n, net.outputs));
      for (std::size_t c = 0; c < z.size(); ++c) sum += g[c] * z[c].imag() / kComplexStep;
    }
    return sum / static_cast<Real>(samples);
  }

  std::vector<Real> hessian_product(Loss loss) const {
    const std::vector<Real> direction(v.begin(), v.end());
    std::vector<Real> expected(u(size));
    const Real t = 1e-4L;
    for (Index i = 0; i < size; ++i) {
      const auto at = [&](Real shift) { return slope(loss, point(i, shift, direction)); };
      expected[u(i)] = (8 * (at(t) - at(-t)) - (at(2 * t) - at(-2 * t))) / (12 * t);
    }
    return expected;
  }

  std::vector<Real> gauss_newton_product(Loss loss) const {
    const std::vector<Real> direction(v.begin(), v.end());
    std::vector<Real> expected(u(size), 0);
    for (Index n = 0; n < samples; ++n) {
      const std::vector<Complex> z = logits(point(0, 0, direction), n);
      const std::vector<Real> t = reference::target(targets(), n, net.outputs);
      std::vector<Real> q(z.size(), 1), Hz(z.size());
      Real total = 0, mass = 0, mean = 0;
      for (std::size_t c = 0; c < z.size(); ++c) total += std::exp(z[c].real());
      for (std::size_t c = 0; c < z.size(); ++c) {
        if (loss == Loss::cross_entropy) {
          q[c] = std::exp(z[c].real()) / total;
          mass += t[c];
          mean += q[c] * z[c].imag();
        } else {
          mass = 1;
        }
      }
      for (std::size_t c = 0; c < z.size(); ++c)
        Hz[c] = mass * q[c] * (z[c].imag() - mean) / kComplexStep;
      for (Index i = 0; i < size; ++i) {
        std::vector<Real> unit(u(size), 0);
        unit[u(i)] = 1;
        const std::vector<Complex> Je = logits(point(0, 0, unit), n);
        for (std::size_t c = 0; c < z.size(); ++c)
          expected[u(i)] += Je[c].imag() / kComplexStep * Hz[c] / static_cast<Real>(samples);
      }
    }
    return expected;
  }

  ResNet net;
  Index samples, size = 0;
  bool labels;
  Tableau steps;
  std::vector<S> theta, v, X, vectors;
  std::vector<std::int64_t> classes;
  Workspace<S> workspace;
};

template <class S>
void check_against_reference(Problem<S> p, Loss loss) {
  CAPTURE(p.net.width);
  CAPTURE(p.net.depth);
  CAPTURE(p.samples);
  CAPTURE(p.steps.stages);
  CAPTURE(static_cast<int>(p.net.block.activation));
  CAPTURE(static_cast<int>(loss));
  const auto hessian = p.product(Curvature::hessian, loss);
  const auto gauss_newton = p.product(Curvature::gauss_newton, loss);
  CHECK(reference::error_in_epsilons(hessian.data(), p.hessian_product(loss)) < 300);
  CHECK(reference::error_in_epsilons(gauss_newton.data(), p.gauss_newton_product(loss)) < 300);
}

}  // namespace

TEST_CASE_TEMPLATE("every activation, loss and kind of target", S, float, double) {
  for (const Activation activation : reference::kActivations)
    for (const Loss loss : kLosses)
      for (const bool labels : {true, false})
        check_against_reference(Problem<S>(3, 2, activation, 5, labels), loss);
}

TEST_CASE_TEMPLATE("every tableau", S, float, double) {
  for (const Scheme scheme : {Scheme::euler, Scheme::matched, Scheme::rk4})
    for (const Activation activation : {Activation::tanh, Activation::smooth_relu})
      for (const Loss loss : kLosses)
        check_against_reference(Problem<S>(4, 3, activation, 3, scheme == Scheme::rk4, scheme),
                                loss);
}

TEST_CASE_TEMPLATE("widths around the tiles", S, float, double) {
  for (const Index width : {1, 2, 8, 13, 16, 17, 21})
    check_against_reference(Problem<S>(width, 1, Activation::tanh, 2, true), kLosses[0]);
}

TEST_CASE_TEMPLATE("fixed parts do not vary", S, float, double) {
  Problem<S> p(5, 6, Activation::tanh, 150, true);
  const Layout at(p.net);
  const std::vector<S> v = p.v;
  for (const Curvature kind : kKinds)
    for (int mask = 0; mask < 8; ++mask) {
      CAPTURE(mask);
      const Trainable trainable{(mask & 1) != 0, (mask & 2) != 0, (mask & 4) != 0};
      const auto free = [&](Index i) {
        return i < at.layers[0] ? trainable.opening
               : i < at.closing ? trainable.blocks
                                : trainable.closing;
      };
      p.v = v;
      const std::vector<S> some = p.product(kind, Loss::cross_entropy, trainable);
      for (Index i = 0; i < at.size; ++i)
        if (!free(i)) p.v[u(i)] = 0;
      const std::vector<S> whole = p.product(kind, Loss::cross_entropy);
      std::vector<Real> expected(whole.begin(), whole.end());
      Index wrong = 0;
      for (Index i = 0; i < at.size; ++i)
        if (!free(i)) {
          wrong += some[u(i)] != 0;
          expected[u(i)] = 0;
        }
      CHECK(wrong == 0);
      CHECK(reference::error_in_epsilons(some.data(), expected) < 30);
    }
}

TEST_CASE_TEMPLATE("second derivatives: the same bits for any number of threads", S, float,
                   double) {
  for (const Index width : {3, 20}) {
    Problem<S> p(width, 20, Activation::tanh, 2300, true, Scheme::matched);
    for (const Curvature kind : kKinds) {
      set_num_threads(1);
      const std::vector<S> expected = p.product(kind, Loss::cross_entropy);
      for (const int threads : {1, 2, 3, 5, 8, 2}) {
        set_num_threads(threads);
        CHECK(p.product(kind, Loss::cross_entropy) == expected);
      }
    }
  }
}

TEST_CASE_TEMPLATE("an interrupt ends a product", S, float, double) {
  Problem<S> p(3, 100, Activation::relu, 500, true);
  std::vector<S> out(u(p.size));
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    Interrupt interrupt([] { return true; });
    while (!interrupt.stopped())  // until the first poll, 50 ms on
      curvature_product<S>(Curvature::hessian, p.net, Loss::cross_entropy, Trainable{},
                           p.theta.data(), Batch<S>{p.X.data(), p.samples}, p.targets(), p.v.data(),
                           out.data(), p.workspace, interrupt);
    CHECK(interrupt.stopped());
  }
}
