// Transfers in depth against explicit matrices that are built from the documented formulas.
#include <algorithm>
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include "mgres/transfer.hpp"
#include "reference.hpp"

using namespace mgres;
using reference::Random;
using reference::Real;

namespace {

std::size_t u(Index i) { return static_cast<std::size_t>(i); }

constexpr Prolongation kProlongations[] = {Prolongation::constant, Prolongation::linear};
constexpr Projection kProjections[] = {Projection::mean, Projection::injection,
                                       Projection::full_weighting};

/// A matrix between layers, one number standing for a whole layer.
struct Matrix {
  Matrix(Index rows_, Index columns_) : rows(rows_), columns(columns_), a(u(rows * columns), 0) {}
  Real& operator()(Index i, Index j) { return a[u(i * columns + j)]; }
  Real operator()(Index i, Index j) const { return a[u(i * columns + j)]; }

  Matrix transposed() const {
    Matrix t(columns, rows);
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < columns; ++j) t(j, i) = (*this)(i, j);
    return t;
  }

  Index rows, columns;
  std::vector<Real> a;
};

Matrix prolongation_matrix(Prolongation kind, Index coarse, Index m) {
  Matrix P(coarse * m, coarse);
  for (Index j = 0; j < coarse; ++j)
    for (Index r = 0; r < m; ++r) {
      const Real share = static_cast<Real>(r) / static_cast<Real>(m);
      if (kind == Prolongation::constant || j == coarse - 1) {
        P(m * j + r, j) = 1;
      } else {
        P(m * j + r, j) = 1 - share;
        P(m * j + r, j + 1) = share;
      }
    }
  return P;
}

Matrix projection_matrix(Projection kind, Index coarse, Index m) {
  Matrix Pi(coarse, coarse * m);
  for (Index j = 0; j < coarse; ++j) {
    Real total = 0;
    for (Index k = 0; k < coarse * m; ++k) {
      const Index distance = std::abs(k - m * j);
      Real weight = 0;
      if (kind == Projection::mean) weight = k >= m * j && k < m * (j + 1) ? 1 : 0;
      if (kind == Projection::injection) weight = k == m * j ? 1 : 0;
      if (kind == Projection::full_weighting)
        weight = std::max<Real>(0, 1 - static_cast<Real>(distance) / static_cast<Real>(m));
      Pi(j, k) = weight;
      total += weight;
    }
    for (Index k = 0; k < coarse * m; ++k) Pi(j, k) /= total;
  }
  return Pi;
}

/// [head | layers | tail] -> [head | A layers | tail].
template <class S>
std::vector<Real> apply(const Matrix& A, const DepthTransfer& t, const std::vector<S>& x) {
  std::vector<Real> y(x.begin(), x.begin() + t.head);
  for (Index i = 0; i < A.rows; ++i)
    for (Index p = 0; p < t.layer; ++p) {
      Real sum = 0;
      for (Index j = 0; j < A.columns; ++j)
        sum += A(i, j) * static_cast<Real>(x[u(t.head + j * t.layer + p)]);
      y.push_back(sum);
    }
  y.insert(y.end(), x.end() - t.tail, x.end());
  return y;
}

template <class S, class Check>
void for_all_shapes(const Check& check) {
  Random random(5);
  for (const Index coarse : {1, 2, 3, 8})
    for (const Index m : {1, 2, 3, 4, 5})
      for (const Index layer : {1, 12})
        for (const Index ends : {0, 7}) {
          const DepthTransfer t{ends, layer, coarse, m, ends == 0 ? 0 : ends + 2};
          CAPTURE(coarse);
          CAPTURE(m);
          CAPTURE(layer);
          CAPTURE(ends);
          check(t, random.vector<S>(t.coarse_size()), random.vector<S>(t.fine_size()));
        }
}

constexpr double kTolerance = 8;  // epsilons

}  // namespace

TEST_CASE_TEMPLATE("prolong and restrict are a matrix and its transpose", S, float, double) {
  for_all_shapes<S>([](const DepthTransfer& t, const std::vector<S>& coarse,
                       const std::vector<S>& fine) {
    for (const Prolongation kind : kProlongations) {
      const Matrix P = prolongation_matrix(kind, t.coarse_depth, t.factor);
      std::vector<S> up(fine.size(), S(9)), down(coarse.size(), S(9));
      prolong(t, kind, coarse.data(), up.data());
      restrict(t, kind, fine.data(), down.data());
      CHECK(reference::error_in_epsilons(up.data(), apply(P, t, coarse)) < kTolerance);
      CHECK(reference::error_in_epsilons(down.data(), apply(P.transposed(), t, fine)) < kTolerance);
    }
  });
}

TEST_CASE_TEMPLATE("project is the matrix of its formula", S, float, double) {
  for_all_shapes<S>(
      [](const DepthTransfer& t, const std::vector<S>& coarse, const std::vector<S>& fine) {
        for (const Projection kind : kProjections) {
          const Matrix Pi = projection_matrix(kind, t.coarse_depth, t.factor);
          std::vector<S> down(coarse.size(), S(9));
          project(t, kind, fine.data(), down.data());
          CHECK(reference::error_in_epsilons(down.data(), apply(Pi, t, fine)) < kTolerance);
        }
      });
}

TEST_CASE_TEMPLATE("head and tail are copied to the last bit", S, float, double) {
  for_all_shapes<S>(
      [](const DepthTransfer& t, const std::vector<S>& coarse, const std::vector<S>& fine) {
        std::vector<S> up(fine.size()), down(coarse.size());
        const auto same_ends = [&t](const std::vector<S>& a, const std::vector<S>& b) {
          return std::equal(a.begin(), a.begin() + t.head, b.begin()) &&
                 std::equal(a.end() - t.tail, a.end(), b.end() - t.tail);
        };
        for (const Prolongation kind : kProlongations) {
          prolong(t, kind, coarse.data(), up.data());
          CHECK(same_ends(coarse, up));
          restrict(t, kind, fine.data(), down.data());
          CHECK(same_ends(fine, down));
        }
        for (const Projection kind : kProjections) {
          project(t, kind, fine.data(), down.data());
          CHECK(same_ends(fine, down));
        }
      });
}
