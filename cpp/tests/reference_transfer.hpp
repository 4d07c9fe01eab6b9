/// Transfers in depth as explicit matrices, built from the documented formulas.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "mgres/transfer.hpp"
#include "reference.hpp"

namespace reference {

using mgres::DepthTransfer;
using mgres::Projection;
using mgres::Prolongation;

/// A matrix between layers, one number standing for a whole layer.
struct Matrix {
  Matrix(Index rows_, Index columns_)
      : rows(rows_), columns(columns_), a(static_cast<std::size_t>(rows * columns), 0) {}
  Real& operator()(Index i, Index j) { return a[at(i, j)]; }
  Real operator()(Index i, Index j) const { return a[at(i, j)]; }

  Matrix transposed() const {
    Matrix t(columns, rows);
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < columns; ++j) t(j, i) = (*this)(i, j);
    return t;
  }

  std::size_t at(Index i, Index j) const { return static_cast<std::size_t>(i * columns + j); }

  Index rows, columns;
  std::vector<Real> a;
};

inline Matrix prolongation_matrix(Prolongation kind, Index coarse, Index m) {
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

inline Matrix projection_matrix(Projection kind, Index coarse, Index m) {
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

/// [head | layers of each stack | tail] -> [head | A layers of each stack | tail], with A for each.
template <class S>
std::vector<Real> apply(const std::vector<Matrix>& matrices, const DepthTransfer& t,
                        const std::vector<S>& x) {
  std::vector<Real> y(x.begin(), x.begin() + t.head);
  const S* from = x.data() + t.head;
  for (std::size_t stack = 0; stack < matrices.size(); ++stack) {
    const Matrix& A = matrices[stack];
    const Index size = t.stacks[stack].layer;
    for (Index i = 0; i < A.rows; ++i) {
      std::vector<Real> layer(static_cast<std::size_t>(size), 0);
      for (Index j = 0; j < A.columns; ++j) {
        if (A(i, j) == 0) continue;  // nearly all are, between deep networks
        const S* xj = from + j * size;
        for (Real& sum : layer) sum += A(i, j) * static_cast<Real>(*xj++);
      }
      y.insert(y.end(), layer.begin(), layer.end());
    }
    from += A.columns * size;
  }
  y.insert(y.end(), x.end() - t.tail, x.end());
  return y;
}

}  // namespace reference
