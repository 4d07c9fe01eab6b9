"""Linear multigrid on dense matrices: what every cycle has to be on a quadratic.

Nothing here knows the engine.  A level is its matrix A, its smoother S, with which x becomes
x + S (b - A x), and the prolongation P from the next level; the coarsest level is solved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class LinearLevel:
    A: Array
    S: Array
    P: Array | None = None


def poisson_levels(n: int, damping: float = 2 / 3) -> list[LinearLevel]:
    """Damped Jacobi and linear interpolation; Galerkin operators by triple products."""
    A = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    levels = []
    while n > 3:
        m = n // 2
        P = np.zeros((n, m))
        for j in range(m):
            P[2 * j : 2 * j + 3, j] = [0.5, 1.0, 0.5]
        levels.append(LinearLevel(A, damping * np.diag(1 / np.diag(A)), P))
        A, n = P.T @ A @ P, m
    return [*levels, LinearLevel(A, np.linalg.inv(A))]


def control_levels(hessians: list[Array]) -> list[LinearLevel]:
    """Steps 1/h with h = 1/n, and P repeating every value; the coarse operators are given."""
    levels = []
    for A in hessians[:-1]:
        n = len(A)
        P = np.kron(np.eye(n // 2), [[1.0], [1.0]])
        levels.append(LinearLevel(A, n * np.eye(n), P))
    return [*levels, LinearLevel(hessians[-1], np.linalg.inv(hessians[-1]))]


def multigrid(
    levels: list[LinearLevel], x: Array, b: Array, pre: int, post: int, shape: str = "V"
) -> Array:
    """One V-, W- or F-cycle for A x = b (U. Trottenberg et al., Multigrid, section 2.4)."""
    level, coarser = levels[0], levels[1:]
    if not coarser:
        return np.linalg.solve(level.A, b)
    for _ in range(pre):
        x = x + level.S @ (b - level.A @ x)
    restricted = level.P.T @ (b - level.A @ x)
    e = np.zeros(len(restricted))
    recursion = {"V": "V", "W": "WW", "F": "FV"}[shape]
    for inner in recursion if len(coarser) > 1 else "V":
        e = multigrid(coarser, e, restricted, pre, post, inner)
    x = x + level.P @ e
    for _ in range(post):
        x = x + level.S @ (b - level.A @ x)
    return x


def error_operator(levels: list[LinearLevel], pre: int, post: int, shape: str) -> Array:
    """The matrix that takes the error before a cycle to the error after it."""
    n = len(levels[0].A)
    columns = [multigrid(levels, unit, np.zeros(n), pre, post, shape) for unit in np.eye(n)]
    return np.stack(columns, axis=1)


def additive_operator(levels: list[LinearLevel]) -> Array:
    """The sum over the levels of P ... P S P' ... P'."""
    total, P = np.zeros_like(levels[0].A), np.eye(len(levels[0].A))
    for level in levels:
        total += P @ level.S @ P.T
        P = P if level.P is None else P @ level.P
    return total


def spectral_radius(matrix: Array) -> float:
    return float(np.max(np.abs(np.linalg.eigvals(matrix))))
