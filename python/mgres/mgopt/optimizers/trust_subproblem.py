"""The trust-region subproblem for a quadratic model that is diagonal in known coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

MAX_ITERATIONS = 100
TOLERANCE = 1e-12
"""How far the length of a step may be from the radius, relative to it."""


def solve_diagonal(eigenvalues: Array, gradient: Array, radius: float) -> Array:
    r"""Return a global minimiser of the model in the ball.

    .. math:: \min_p \; g^T p + \tfrac12 \sum_i \lambda_i p_i^2, \quad \|p\|_2 \le \Delta

    There is a multiplier tau >= 0 with lambda_i + tau >= 0, (lambda_i + tau) p_i = -g_i and
    tau (Delta - |p|) = 0 (J. Nocedal and S. Wright, Numerical Optimization, 2nd edition, theorem
    4.1).  It is found by Newton's method on 1 / |p(tau)| = 1 / Delta, kept inside a bracket
    (section 4.3 there).  In the hard case, where g has no part in the space of the least eigenvalue
    and |p(-lambda_min)| < Delta, a part in that space is added that makes up the length.

    Parameters
    ----------
    eigenvalues : ndarray, shape (r,)
        The numbers lambda_i, in any order, of any sign.
    gradient : ndarray, shape (r,)
        The vector g.
    radius : float
        The radius Delta, positive.

    Returns
    -------
    ndarray, shape (r,)
    """
    least = float(np.min(eigenvalues))
    step: Array
    if least > 0:
        step = -gradient / eigenvalues
        if np.linalg.norm(step) <= radius:
            return step
    shifted = eigenvalues + max(0.0, -least)  # the least of them is exactly 0 unless positive
    with np.errstate(divide="ignore", over="ignore"):
        step = np.where(gradient == 0, 0.0, -gradient / np.where(gradient == 0, 1.0, shifted))
    length = float(np.linalg.norm(step))
    if length <= radius:  # the hard case, or a zero gradient
        if least < 0:
            step[int(np.argmin(eigenvalues))] += np.sqrt(radius**2 - length**2)
        return step
    return _on_the_boundary(shifted, gradient, radius)


def _on_the_boundary(shifted: Array, gradient: Array, radius: float) -> Array:
    """Return p with (shifted_i + mu) p_i = -g_i and |p| = radius.

    The unknown is mu, not tau, because mu may be much smaller than the eigenvalues.
    """
    low, high = 0.0, float(np.linalg.norm(gradient)) / radius  # |p(high)| <= radius < |p(low)|
    mu = high
    step: Array = -gradient / (shifted + mu)
    for _ in range(MAX_ITERATIONS):
        length = float(np.linalg.norm(step))
        if abs(length - radius) <= TOLERANCE * radius:
            break
        low, high = (mu, high) if length > radius else (low, mu)
        # Newton on 1/|p| - 1/radius, whose derivative is <p, (D + mu)^-1 p> / |p|^3
        decay = float(np.sum(step**2 / (shifted + mu)))
        new = mu + (length - radius) / radius * length**2 / decay if decay > 0 else low
        mu = new if low < new < high else (low + high) / 2
        if not low < mu < high:
            break
        step = -gradient / (shifted + mu)
    return step * min(1.0, radius / float(np.linalg.norm(step)))
