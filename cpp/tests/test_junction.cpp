// The maps between stacks against their formulas, written as loops over all pairs of features.
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/junction.hpp"
#include "mgres/workspace.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;
using reference::Real;

namespace {

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

/// Call f(number of a weight or -1, output, input, factor) for all products of a map.
template <class F>
void for_each_product(const MapSpec& spec, const F& f) {
  const StateShape &in = spec.in, &out = spec.out;
  const auto feature = [](const StateShape& s, Index c, Index i, Index j) {
    return (c * s.rows + i) * s.columns + j;
  };
  const Index rows = ceil_div(in.rows, out.rows), columns = ceil_div(in.columns, out.columns);
  for (Index o = 0; o < out.channels; ++o)
    for (Index i = 0; i < out.rows; ++i)
      for (Index j = 0; j < out.columns; ++j)
        for (Index c = 0; c < in.channels; ++c)
          for (Index k = 0; k < in.rows; ++k)
            for (Index l = 0; l < in.columns; ++l) {
              const Index to = feature(out, o, i, j), from = feature(in, c, k, l);
              const Real pixels = static_cast<Real>(in.pixels());
              if (spec.kind == MapKind::matrix) f(to * in.size() + from, to, from, Real(1));
              if (spec.kind == MapKind::pooled) f(to * in.channels + c, to, from, 1 / pixels);
              if (spec.kind == MapKind::resample && o == c && k / rows == i && l / columns == j)
                f(Index(-1), to, from, 1 / static_cast<Real>(rows * columns));
              if (spec.kind != MapKind::convolution) continue;
              const Index a = spec.kernel_rows / 2, b = spec.kernel_columns / 2;
              for (Index p = 0; p < spec.kernel_rows; ++p)
                for (Index q = 0; q < spec.kernel_columns; ++q) {
                  Index row = i * rows + p - a, column = j * columns + q - b;
                  if (spec.periodic) {
                    row = (row % in.rows + in.rows) % in.rows;
                    column = (column % in.columns + in.columns) % in.columns;
                  }
                  if (row == k && column == l)
                    f(((o * in.channels + c) * spec.kernel_rows + p) * spec.kernel_columns + q, to,
                      from, Real(1));
                }
            }
}

constexpr StateShape kImage{3, 4, 6};

const MapSpec kMaps[] = {
    {MapKind::matrix, {5}, {3}},
    {MapKind::matrix, {18}, {33}, 1, 1, false, false},
    {MapKind::matrix, kImage, {2, 2, 3}},
    {MapKind::pooled, kImage, {5}},
    {MapKind::pooled, {4, 1, 1}, {2}, 1, 1, false, false},
    {MapKind::convolution, kImage, {4, 4, 6}, 3, 3},
    {MapKind::convolution, kImage, {4, 2, 3}, 3, 3},
    {MapKind::convolution, kImage, {2, 2, 2}, 1, 5, true},
    {MapKind::convolution, {2, 7, 7}, {13, 4, 4}, 3, 3},
    {MapKind::convolution, {2, 1, 9}, {3, 1, 3}, 1, 3, false, false},
    {MapKind::resample, kImage, kImage},
    {MapKind::resample, kImage, {5, 2, 3}},
    {MapKind::resample, kImage, {3, 4, 2}},
    {MapKind::resample, {3}, {7}},
};

std::string text(const MapSpec& spec) {
  return "kind " + std::to_string(static_cast<int>(spec.kind)) + ", " +
         std::to_string(spec.in.size()) + " to " + std::to_string(spec.out.size());
}

template <class S>
struct Problem {
  Problem(const MapSpec& map, Index number) : spec(map), junction(map), blocks(number), random(7) {
    const Index size = fields(spec).size();
    p = random.vector<S>(size);
    p_dot = random.vector<S>(size);
    y = random.vector<S>(spec.in.size() * blocks * L);
    y_dot = random.vector<S>(spec.in.size() * blocks * L);
    g = random.vector<S>(spec.out.size() * blocks * L);
    g_dot = random.vector<S>(spec.out.size() * blocks * L);
    scratch = memory.reserve(junction.scratch_size(blocks) + 64);
  }

  Index weights() const { return fields(spec).size() - (has_bias() ? biases() : 0); }
  Index biases() const { return spec.out.size() / pixels(); }

  /// Pixels that share a bias.
  Index pixels() const { return spec.kind == MapKind::convolution ? spec.out.pixels() : 1; }
  bool has_bias() const { return spec.biased && spec.kind != MapKind::resample; }
  static Index at(Index features, Index n, Index i) { return (n / L * features + i) * L + n % L; }

  /// W(q) y, plus the bias in q.
  std::vector<Real> product(const std::vector<S>& q, const std::vector<S>& x, bool fixed) const {
    std::vector<Real> z(g.size(), 0);
    for (Index n = 0; n < blocks * L; ++n) {
      for_each_product(spec, [&](Index weight, Index to, Index from, Real factor) {
        const Real w = weight < 0 ? Real(fixed) : static_cast<Real>(q[u(weight)]);
        z[u(at(spec.out.size(), n, to))] +=
            w * factor * static_cast<Real>(x[u(at(spec.in.size(), n, from))]);
      });
    }
    return z;
  }

  void add_bias(const std::vector<S>& q, std::vector<Real>& z) const {
    if (!has_bias()) return;
    const Index each = pixels();
    for (Index n = 0; n < blocks * L; ++n)
      for (Index i = 0; i < spec.out.size(); ++i)
        z[u(at(spec.out.size(), n, i))] += static_cast<Real>(q[u(weights() + i / each)]);
  }

  /// W(q)^T r.
  std::vector<Real> transposed(const std::vector<S>& q, const std::vector<S>& r, bool fixed) const {
    std::vector<Real> a(y.size(), 0);
    for (Index n = 0; n < blocks * L; ++n)
      for_each_product(spec, [&](Index weight, Index to, Index from, Real factor) {
        const Real w = weight < 0 ? Real(fixed) : static_cast<Real>(q[u(weight)]);
        a[u(at(spec.in.size(), n, from))] +=
            w * factor * static_cast<Real>(r[u(at(spec.out.size(), n, to))]);
      });
    return a;
  }

  /// sum += dL/dp for the adjoint r at x, and of the bias unless x is varied.
  void add_gradient(const std::vector<S>& r, const std::vector<S>& x, bool of_bias,
                    std::vector<Real>& sum) const {
    for (Index n = 0; n < blocks * L; ++n) {
      for_each_product(spec, [&](Index weight, Index to, Index from, Real factor) {
        if (weight < 0) return;
        sum[u(weight)] += factor * static_cast<Real>(r[u(at(spec.out.size(), n, to))]) *
                          static_cast<Real>(x[u(at(spec.in.size(), n, from))]);
      });
      if (!has_bias() || !of_bias) continue;
      for (Index i = 0; i < spec.out.size(); ++i)
        sum[u(weights() + i / pixels())] += static_cast<Real>(r[u(at(spec.out.size(), n, i))]);
    }
  }

  static constexpr Index L = kLanes<S>;
  MapSpec spec;
  Junction<S> junction;
  Index blocks;
  Random random;
  std::vector<S> p, p_dot, y, y_dot, g, g_dot;
  Buffer<S> memory;
  S* scratch;
};

std::vector<Real> sum(std::vector<Real> one, const std::vector<Real>& other) {
  for (std::size_t i = 0; i < one.size(); ++i) one[i] += other[i];
  return one;
}

template <class S>
void check_close(const std::vector<S>& found, const std::vector<Real>& expected) {
  if (!expected.empty()) CHECK(reference::error_in_epsilons(found.data(), expected) < 300);
}

template <class S, class Check>
void for_all_maps(const Check& check) {
  for (const MapSpec& spec : kMaps)
    for (const Index blocks : {1, 3}) {
      CAPTURE(text(spec));
      CAPTURE(blocks);
      Problem<S> problem(spec, blocks);
      check(problem);
    }
}

}  // namespace

TEST_CASE_TEMPLATE("a map between stacks is its formula", S, float, double) {
  for_all_maps<S>([](Problem<S>& m) {
    std::vector<S> z(m.g.size(), S(9));
    m.junction.forward(m.p.data(), m.blocks, m.y.data(), z.data(), m.scratch);
    std::vector<Real> expected = m.product(m.p, m.y, true);
    m.add_bias(m.p, expected);
    check_close(z, expected);
  });
}

TEST_CASE_TEMPLATE("its adjoint is the transposed formula", S, float, double) {
  for_all_maps<S>([](Problem<S>& m) {
    std::vector<S> a(m.y.size(), S(9)), gradient(m.p.size(), S(1));
    m.junction.adjoint(m.p.data(), m.blocks, m.y.data(), m.g.data(), a.data(), gradient.data(),
                       m.scratch);
    check_close(a, m.transposed(m.p, m.g, true));
    std::vector<Real> expected(m.p.size(), 1);
    m.add_gradient(m.g, m.y, true, expected);
    check_close(gradient, expected);
  });
}

TEST_CASE_TEMPLATE("its derivatives along a direction, and without one of the parameters", S, float,
                   double) {
  for_all_maps<S>([](Problem<S>& m) {
    for (const bool varies : {true, false}) {
      CAPTURE(varies);
      const Dual<const S> p{m.p.data(), varies ? m.p_dot.data() : nullptr};
      const Dual<const S> y{m.y.data(), m.y_dot.data()}, g{m.g.data(), m.g_dot.data()};
      std::vector<S> z_dot(m.g.size(), S(9)), a_dot(m.y.size(), S(9)), out(m.p.size(), S(1));
      m.junction.tangent(p, m.blocks, y, z_dot.data(), m.scratch);
      m.junction.adjoint_tangent(p, m.blocks, y, g, a_dot.data(), out.data(), m.scratch);
      std::vector<Real> z = m.product(m.p, m.y_dot, true), a = m.transposed(m.p, m.g_dot, true);
      if (varies) {
        z = sum(z, m.product(m.p_dot, m.y, false));
        m.add_bias(m.p_dot, z);
        a = sum(a, m.transposed(m.p_dot, m.g, false));
      }
      std::vector<Real> expected(m.p.size(), 1);
      m.add_gradient(m.g_dot, m.y, true, expected);
      m.add_gradient(m.g, m.y_dot, false, expected);
      check_close(z_dot, z);
      check_close(a_dot, a);
      check_close(out, expected);
    }
  });
}

TEST_CASE("maps that do not fit their states are refused") {
  CHECK_THROWS_WITH(check_map({MapKind::resample, {2, 5, 5}, {2, 2, 2}}),
                    "shape: expected images of which the smaller divide the larger ones, got "
                    "2 channels of 5 x 5 pixels and 2 channels of 2 x 2 pixels");
  CHECK_THROWS(check_map({MapKind::resample, {3}, {2}}));
  CHECK_THROWS(check_map({MapKind::pooled, kImage, {2, 2, 2}}));
  CHECK_THROWS(check_map({MapKind::convolution, kImage, {2, 4, 6}, 2, 3}));
  CHECK_THROWS(check_map({MapKind::convolution, {2, 5, 5}, {2, 4, 4}, 3, 3}));
  CHECK_THROWS(check_map({MapKind::convolution, {2, 5, 5}, {2, 7, 7}, 3, 3}));
}
