"""A linear optimal control problem, discretised as the paper discretises a residual network.

    minimise    1/2 |x(T) - z(T)|^2 + 1/2 int |x(t) - z(t)|^2 dt + 1/2 int u(t)^2 dt
    subject to  x'(t) = A x(t) + B u(t),   x(0) = (1, 0)

on (0, T), with A = [[0, 1], [-2, -0.3]], a damped oscillator, B = (0, 1) and the target
z(t) = (cos 3t, sin 2t).  Forward Euler with N steps of size h = T/N and one control value per step
turns it into a strictly convex quadratic in u in R^N.  The steps are the layers of a network, the
controls its parameters, and the state equation the forward sweep; but here the answer is known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..mgopt import Diagonal, GradientDescent, Hierarchy, Level, Objective, Transfer, Vector
from .newton import NewtonStep
from .piecewise import PiecewiseConstant

DYNAMICS = np.array([[0.0, 1.0], [-2.0, -0.3]])
"""The matrix A."""

CONTROL = np.array([0.0, 1.0])
"""The vector B."""

START = np.array([1.0, 0.0])
"""The state x(0)."""


class ControlObjective:
    """The discretised control problem as a function of the controls u = (u_0, ..., u_{N-1}).

    It is::

        f(u) = 1/2 |x_N - z_N|^2 + h/2 sum_{n=1}^{N} |x_n - z_n|^2 + h/2 sum_{n=0}^{N-1} u_n^2,
        x_{n+1} = x_n + h (A x_n + B u_n)

    Parameters
    ----------
    steps : int
        The number N of Euler steps.
    final_time : float
        The time T.
    dtype : dtype
        The floating-point type.
    """

    def __init__(self, steps: int, final_time: float = 1.0, dtype: DTypeLike = np.float64) -> None:
        if steps < 1:
            raise ValueError(f"steps: expected at least 1, got {steps}")
        if not (final_time > 0 and np.isfinite(final_time)):
            raise ValueError(f"final_time: expected a positive number, got {final_time}")
        self.steps = steps
        self.final_time = final_time
        self.step_size = final_time / steps
        self._dtype = np.dtype(dtype)
        times = self.step_size * np.arange(1, steps + 1)
        self._targets = np.stack([np.cos(3 * times), np.sin(2 * times)], axis=1).astype(dtype)
        self._transition = (np.eye(2) + self.step_size * DYNAMICS).astype(dtype)
        self._impulse = (self.step_size * CONTROL).astype(dtype)
        # |x_n - z_n|^2 / 2 counts h, and the last one h + 1
        self._weights = np.full((steps, 1), self.step_size, dtype)
        self._weights[-1] += 1
        self._defects = np.zeros_like(self._targets)
        self._constant = 0.0

    def with_state_defect(self, fine: Objective, x: Vector, origin: Vector) -> ControlObjective:
        """Return the problem with the defect of the fine states in its state equation.

        With the fine states X_n at the controls `x`, sampled at the N times of this problem,

            x_{n+1} = x_n + h (A x_n + B u_n) + tau_n,
            tau_n = X_{n+1} - X_n - h (A X_n + B u0_n),

        so that the controls u0 = `origin` lead to the states X_n.  The sums over n are different
        quadratures on the two levels, so the costs still differ; a constant, which moves no
        minimiser, makes the cost at `origin` that of `fine` at `x`.  f'' is what it was.

        Parameters
        ----------
        fine : ControlObjective
            The same problem with a multiple of N steps, possibly with defects of its own.
        x : Vector
            Its controls.
        origin : Vector, shape (N,)
            The controls of this problem that correspond to them.

        Raises
        ------
        TypeError
            If `fine` is of another kind.
        ValueError
            If its steps do not subdivide those of this problem.
        """
        if not isinstance(fine, ControlObjective):
            raise TypeError(f"fine: expected a ControlObjective, got {type(fine).__name__}")
        if fine.steps % self.steps or fine.final_time != self.final_time:
            raise ValueError(
                f"fine: expected a multiple of {self.steps} steps to time {self.final_time}, "
                f"got {fine.steps} to time {fine.final_time}"
            )
        every = fine.steps // self.steps
        states = fine.states(x)[every - 1 :: every]
        before = np.vstack([START.astype(self.dtype), states[:-1]])
        shifted = ControlObjective(self.steps, self.final_time, self.dtype)
        shifted._defects = states - before @ self._transition.T - np.outer(origin, self._impulse)
        shifted._constant = fine.value(x) - shifted.value(origin)
        return shifted

    @property
    def size(self) -> int:
        """The number of controls N."""
        return self.steps

    @property
    def dtype(self) -> np.dtype[Any]:
        """The floating-point type of controls and gradients."""
        return self._dtype

    def states(self, u: Vector) -> NDArray[np.floating[Any]]:
        """Return x_1, ..., x_N, shape (N, 2)."""
        return self._states(u, START.astype(self.dtype))

    def _states(self, u: Vector, x: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        states = np.empty_like(self._targets)
        for n in range(self.steps):
            x = self._transition @ x + self._impulse * u[n] + self._defects[n]
            states[n] = x
        return states

    def value(self, x: Vector) -> float:
        """Return f at the controls `x`."""
        return self._value(x, self.states(x) - self._targets)

    def value_and_grad(self, x: Vector, out: Vector) -> float:
        """Write f' at the controls `x` to `out` and return f, by one sweep through the adjoint.

        With p_N = (1 + h)(x_N - z_N) and p_n = (I + hA)' p_{n+1} + h (x_n - z_n),
        df/du_n = h <B, p_{n+1}> + h u_n.
        """
        misfits = self.states(x) - self._targets
        self._adjoint(misfits, x, out)
        return self._value(x, misfits)

    def _adjoint(self, misfits: NDArray[np.floating[Any]], u: Vector, out: Vector) -> None:
        p = np.zeros(2, self.dtype)
        for n in reversed(range(self.steps)):
            p = self._transition.T @ p + self._weights[n] * misfits[n]
            out[n] = self._impulse @ p
        out += self.step_size * u

    def hessian_product(self, x: Vector, v: Vector, out: Vector) -> None:
        """Write f'' `v` to `out`: f' at the controls `v` for a start and a target that are zero."""
        self._adjoint(self._states(v, np.zeros(2, self.dtype)), v, out)

    def gauss_newton_product(self, x: Vector, v: Vector, out: Vector) -> None:
        """Write f'' `v` to `out`: a quadratic is its own Gauss-Newton model."""
        self.hessian_product(x, v, out)

    def hessian(self, x: Vector) -> NDArray[np.floating[Any]]:
        """Return f'', shape (N, N): S' W S + h I with the response S of the states."""
        response = self._response()
        hessian = response.T @ (self._stacked_weights()[:, None] * response)
        hessian[np.diag_indices(self.steps)] += self.step_size
        return hessian

    def minimiser(self) -> Vector:
        """Return the optimal controls from the dense normal equations.

        The states are x = S u + x_free, so (S' W S + h I) u = S' W (z - x_free).  Neither the
        adjoint nor the gradient is used.
        """
        zero = np.zeros(self.steps, self.dtype)
        free_misfit = (self._targets - self.states(zero)).ravel()
        right_hand_side = self._response().T @ (self._stacked_weights() * free_misfit)
        return np.linalg.solve(self.hessian(zero), right_hand_side)

    def _value(self, u: Vector, misfits: NDArray[np.floating[Any]]) -> float:
        squares = float(np.sum(self._weights * misfits**2) + self.step_size * (u @ u))
        return squares / 2 + self._constant

    def _stacked_weights(self) -> Vector:
        return np.repeat(self._weights, 2)

    def _response(self) -> NDArray[np.floating[Any]]:
        """Return S = dx/du, shape (2N, N): control m acts on state n > m by (I + hA)^(n-m-1) hB."""
        response = np.zeros((self.steps, 2, self.steps), self.dtype)
        impulse = self._impulse
        for delay in range(self.steps):
            controls = np.arange(self.steps - delay)
            response[controls + delay, :, controls] = impulse
            impulse = self._transition @ impulse
        return response.reshape(2 * self.steps, self.steps)


def control_hierarchy(
    objective: ControlObjective,
    *,
    coarsest_steps: int = 8,
    transfer: Callable[[int], Transfer] = PiecewiseConstant,
) -> Hierarchy:
    """Return discretisations with N, N/2, ..., `coarsest_steps` Euler steps.

    Each level measures controls in the norm of L^2(0, T), the metric h I, in which gradient descent
    with learning rate 1 is the step 1/h on the Euclidean gradient, whatever h.  Newton's method
    solves the coarsest problem.

    Parameters
    ----------
    objective : ControlObjective
        The finest problem.
    coarsest_steps : int
        The number of Euler steps on the coarsest level.
    transfer : callable
        Makes the transfer between m coarse and 2m fine steps from m.

    Raises
    ------
    ValueError
        If halving N repeatedly does not lead to `coarsest_steps`.

    Examples
    --------
    >>> print(control_hierarchy(ControlObjective(32)))
    level  steps        h  parameters  gradient (WU)  optimizer
        0     32  0.03125          32              1  GradientDescent(learning_rate=1.0)
        1     16   0.0625          16            0.5  GradientDescent(learning_rate=1.0)
        2      8    0.125           8           0.25  NewtonStep()
    """
    halvings = int(np.log2(max(objective.steps // max(coarsest_steps, 1), 1)))
    if coarsest_steps << halvings != objective.steps:
        raise ValueError(
            f"coarsest_steps: expected {objective.steps} / 2^k with k >= 0, got {coarsest_steps}"
        )
    levels = []
    smoother = GradientDescent(1.0)
    for _ in range(halvings):
        m = objective.steps // 2
        metric = Diagonal(np.full(objective.size, objective.step_size, objective.dtype))
        levels.append(Level(objective, smoother, transfer(m), metric, details=_details(objective)))
        objective = ControlObjective(m, objective.final_time, objective.dtype)
    levels.append(Level(objective, NewtonStep(objective), details=_details(objective)))
    return Hierarchy(levels)


def _details(objective: ControlObjective) -> dict[str, object]:
    return {"steps": objective.steps, "h": f"{objective.step_size:.6g}"}
