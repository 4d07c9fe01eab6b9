/// How a layer steps from y_k to y_{k+1}: the time discretisation.
#pragma once

#include "mgres/types.hpp"

namespace mgres {

///   euler     y + h F(y)
///   matched   y + h ((1 - a) F(y) + a F(y + h F(y))),  a = (m - 1) / (2 m): what m Euler steps of
///             size h / m do, up to O(h^3)
///   rk4       the classical Runge-Kutta method of order 4
///   verlet    state (p, q) of two halves:  q + h q'(p),  then  p + h p'(q)  with the q just found
///             (symplectic Euler; Haber and Ruthotto 2017, section 4)
///
/// with the same parameters of F in all stages.
enum class Scheme { euler, matched, rk4, verlet };

/// An explicit Runge-Kutta method: x_i = y + h sum_{j < i} a_ij k_j, k_i = F(x_i),
/// out = y + h sum_i b_i k_i.
struct Tableau {
  int stages;
  double a[4][4];
  double b[4];
};

/// The tableau of a scheme other than verlet; `substeps` is the m of `matched`.
constexpr Tableau tableau(Scheme scheme, double substeps) {
  const double w = (substeps - 1) / (2 * substeps);
  switch (scheme) {
    case Scheme::matched:
      return {2, {{}, {1}}, {1 - w, w}};
    case Scheme::rk4:
      return {4, {{}, {0.5}, {0, 0.5}, {0, 0, 1}}, {1. / 6, 1. / 3, 1. / 3, 1. / 6}};
    default:
      return {1, {}, {1}};
  }
}

}  // namespace mgres
