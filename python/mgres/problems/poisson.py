"""The one-dimensional Poisson equation, on which MG/OPT has to be classical linear multigrid.

The boundary value problem -u'' = b on (0, 1), u(0) = u(1) = 0, discretised by finite differences on
n interior nodes and scaled by h^2, is the minimisation of

    f(x) = 1/2 x'Ax - b'x,    A = tridiag(-1, 2, -1).

On a quadratic a V-cycle of MG/OPT with Jacobi smoothing is, step by step, the linear V-cycle of the
textbooks, whose convergence factor is below 0.2 for every n.  How parameters are projected does not
matter: the coarse equations are linear, and the projection cancels out of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..mgopt import Diagonal, GradientDescent, Hierarchy, Level, Transfer, Vector
from .newton import NewtonStep

DAMPING = 2 / 3
"""The damping of Jacobi's method that smooths best in one dimension (Briggs et al., chapter 2)."""

COARSEST_SIZE = 3
"""The number of nodes at which the equation is solved directly."""


class PoissonObjective:
    """f(x) = 1/2 x'Ax - b'x with A = scale * tridiag(-1, 2, -1).

    Parameters
    ----------
    right_hand_side : Vector, shape (n,)
        The vector b.
    scale : float
        1 for the equation itself.  The Galerkin operator P'AP of linear interpolation P has the
        stencil of A on the coarser nodes and half its scale.

    Raises
    ------
    ValueError
        If n is not 2^k - 1 with k >= 2, so that the nodes could not be nested.
    """

    def __init__(self, right_hand_side: Vector, scale: float = 1.0) -> None:
        n = right_hand_side.size
        if right_hand_side.ndim != 1 or n < COARSEST_SIZE or (n + 1) & n:
            raise ValueError(
                "right_hand_side: expected shape (2^k - 1,) with k >= 2, "
                f"got {right_hand_side.shape}"
            )
        self.right_hand_side = right_hand_side
        self.scale = scale

    @classmethod
    def random(cls, n: int, seed: int = 0, dtype: DTypeLike = np.float64) -> PoissonObjective:
        """Return the problem with `n` nodes and independent N(0, 1) entries in b."""
        return cls(np.random.default_rng(seed).standard_normal(n).astype(dtype))

    @property
    def size(self) -> int:
        """The number of nodes n."""
        return self.right_hand_side.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The floating-point type of b, points and gradients."""
        return self.right_hand_side.dtype

    @property
    def diagonal(self) -> Vector:
        """The diagonal of A, shape (n,)."""
        diagonal: Vector = np.full(self.size, 2 * self.scale, self.dtype)
        return diagonal

    def value(self, x: Vector) -> float:
        """Return f(x)."""
        return self.value_and_grad(x, np.empty_like(x))

    def value_and_grad(self, x: Vector, out: Vector) -> float:
        """Write f'(x) = Ax - b to `out`; return f(x) = <x, f'(x) - b> / 2."""
        self.hessian_product(x, x, out)
        out -= self.right_hand_side
        return float(x @ (out - self.right_hand_side)) / 2

    def hessian_product(self, x: Vector, v: Vector, out: Vector) -> None:
        """Write A `v` to `out`."""
        np.multiply(2, v, out=out)
        out[1:] -= v[:-1]
        out[:-1] -= v[1:]
        out *= self.scale

    def gauss_newton_product(self, x: Vector, v: Vector, out: Vector) -> None:
        """Write A `v` to `out`: a quadratic is its own Gauss-Newton model."""
        self.hessian_product(x, v, out)

    def hessian(self, x: Vector) -> NDArray[np.floating[Any]]:
        """Return A as a dense matrix, shape (n, n)."""
        n = self.size
        stencil = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
        return (self.scale * stencil).astype(self.dtype)

    def minimiser(self) -> Vector:
        """Return the solution of Ax = b, by Gaussian elimination without fill-in.

        The k-th pivot is (k + 1) / k, so the elimination needs no matrix.
        """
        n = self.size
        x = self.right_hand_side.astype(np.float64) / self.scale
        for k in range(1, n):
            x[k] += x[k - 1] * k / (k + 1)
        x[n - 1] *= n / (n + 1)
        for k in range(n - 1, 0, -1):
            x[k - 1] = (x[k - 1] + x[k]) * k / (k + 1)
        return x.astype(self.dtype)


class LinearInterpolation:
    """Linear interpolation between m coarse and 2m + 1 fine nodes, zero beyond both ends.

    The columns of P are the stencil [1/2, 1, 1/2].  Parameters are projected by injection, the
    values at the coarse nodes, for which Pi P = I.  In this one-dimensional problem injection is
    more than good, it makes the coupling of MG/OPT vanish: P'A = (P'AP) Pi.  A test of the coupling
    has to use another projection.

    Parameters
    ----------
    coarse_size : int
        The number m of coarse nodes; coarse node i is fine node 2i + 1.
    """

    def __init__(self, coarse_size: int) -> None:
        if coarse_size < 1:
            raise ValueError(f"coarse_size: expected at least 1, got {coarse_size}")
        self.coarse_size = coarse_size
        self.fine_size = 2 * coarse_size + 1

    def prolong(self, coarse: Vector, out: Vector) -> None:
        """Write P `coarse` to `out`."""
        out.fill(0)
        out[1::2] = coarse
        out[:-1:2] += coarse / 2
        out[2::2] += coarse / 2

    def restrict(self, fine: Vector, out: Vector) -> None:
        """Write P^T `fine` to `out`."""
        np.add(fine[:-1:2], fine[2::2], out=out)
        out /= 2
        out += fine[1::2]

    def project(self, fine: Vector, out: Vector) -> None:
        """Write the values at the coarse nodes to `out`."""
        out[:] = fine[1::2]

    def lift(self, coarse: Vector, out: Vector) -> None:
        """Write Pi^T `coarse` to `out`: derivatives, R lift = I."""
        out.fill(0)
        out[1::2] = coarse


def poisson_hierarchy(
    objective: PoissonObjective,
    *,
    transfer: Callable[[int], Transfer] = LinearInterpolation,
    damping: float = DAMPING,
) -> Hierarchy:
    """Return nested Galerkin discretisations down to three nodes.

    Damped Jacobi, x <- x - omega D^-1 (Ax - b), is gradient descent with learning rate omega in the
    metric D = diag(A).  The coarsest equation is solved directly.

    Parameters
    ----------
    objective : PoissonObjective
        The finest problem.
    transfer : callable
        Makes the transfer between m coarse and 2m + 1 fine nodes from m.  The coarse operators are
        those of linear interpolation whatever it makes, so that a wrong transfer cannot hide.
    damping : float
        The damping omega.

    Examples
    --------
    >>> print(poisson_hierarchy(PoissonObjective.random(15)))
    level  nodes  parameters  gradient (WU)  optimizer
        0     15          15              1  GradientDescent(learning_rate=0.6666666666666666)
        1      7           7       0.466667  GradientDescent(learning_rate=0.6666666666666666)
        2      3           3            0.2  NewtonStep()
    """
    levels = []
    smoother = GradientDescent(damping)
    while objective.size > COARSEST_SIZE:
        m = objective.size // 2
        levels.append(
            Level(
                objective,
                smoother,
                transfer(m),
                Diagonal(objective.diagonal),
                details={"nodes": objective.size},
            )
        )
        objective = _galerkin(objective)
    levels.append(Level(objective, NewtonStep(objective), details={"nodes": objective.size}))
    return Hierarchy(levels)


def _galerkin(fine: PoissonObjective) -> PoissonObjective:
    """Return y -> f(P y) for linear interpolation P."""
    interpolation = LinearInterpolation(fine.size // 2)
    right_hand_side = np.empty(interpolation.coarse_size, fine.dtype)
    interpolation.restrict(fine.right_hand_side, right_hand_side)
    return PoissonObjective(right_hand_side, fine.scale / 2)


def classical_v_cycle(
    x: Vector, right_hand_side: Vector, *, scale: float = 1.0, damping: float = DAMPING
) -> Vector:
    """Return the result of one linear V(1, 1)-cycle for Ax = b.

    This is the oracle for the engine, so it shares nothing with it: it works on residuals and
    errors, knows no objective, and carries its own stencils.

    Parameters
    ----------
    x : Vector, shape (n,)
        The approximation at the start; not changed.
    right_hand_side : Vector, shape (n,)
        The vector b.
    scale, damping : float
        As in :class:`PoissonObjective` and :func:`poisson_hierarchy`.

    References
    ----------
    W. Briggs, V. Henson and S. McCormick, A Multigrid Tutorial, 2nd edition, SIAM 2000, chapter 3.
    """
    n = x.size
    stencil = scale * np.array([-1.0, 2.0, -1.0])
    if n == COARSEST_SIZE:
        matrix = np.array([np.convolve(unit, stencil, "same") for unit in np.eye(n)])
        solution: Vector = np.linalg.solve(matrix, right_hand_side)
        return solution

    def relax(u: Vector) -> Vector:
        relaxed: Vector = u + damping / stencil[1] * (
            right_hand_side - np.convolve(u, stencil, "same")
        )
        return relaxed

    x = relax(x)
    residual = right_hand_side - np.convolve(x, stencil, "same")
    coarse_residual = np.convolve(residual, [0.5, 1.0, 0.5], "valid")[::2]
    coarse_error = classical_v_cycle(
        np.zeros_like(coarse_residual), coarse_residual, scale=scale / 2, damping=damping
    )
    nodes = np.arange(n + 2)
    error = np.interp(nodes, nodes[::2], np.pad(coarse_error, 1))[1:-1]
    return relax(x + error)
