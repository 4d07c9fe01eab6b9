"""Level optimisers between levels, and what their steps cost."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..mgopt import (
    Carrier,
    Counted,
    Diagonal,
    LevelOptimizer,
    MatrixTransfer,
    Memo,
    Metric,
    Objective,
    Vector,
    WorkUnits,
)
from .quadratic import Quadratic

STEPS = 4
"""How many steps are taken before and after a state is carried."""


class _Run:
    """An optimiser on its way."""

    def __init__(self, optimizer: LevelOptimizer, f: Quadratic, x: Vector, state: Any) -> None:
        self._optimizer = optimizer
        self._f = f
        self._x = x.copy()
        self.state = state

    def go(self, steps: int = STEPS) -> Vector:
        """Return where the next steps lead."""
        for _ in range(steps):
            self._optimizer.step(self._f, self._x, self.state)
        return self._x.copy()

    def copy(self) -> _Run:
        """Return one that goes on from here."""
        return _Run(self._optimizer, self._f, self._x, copy.deepcopy(self.state))


def carry_failures(
    fine: LevelOptimizer, coarse: LevelOptimizer, size: int, dtype: DTypeLike, seed: int
) -> list[str]:
    """Carry a state down, take steps there, carry it up, and return what went wrong."""
    missing = [
        f"no method {name}"
        for optimizer, name in ((coarse, "carry_down"), (fine, "carry_up"))
        if not callable(getattr(optimizer, name, None))
    ]
    if missing:
        return missing
    carrier, f, f_coarse, x = _two_levels(size, dtype, seed)
    x_coarse = carrier.point_down(x)
    upper = _Run(fine, f, x, fine.init(x, carrier.fine_metric))
    upper.go()
    undisturbed = upper.copy().go()
    failures = []

    state = coarse.carry_down(upper.state, carrier)
    if not np.array_equal(upper.copy().go(), undisturbed):
        failures.append("carry_down changed the state of the fine level")
    lower = _Run(coarse, f_coarse, x_coarse, state)
    if not np.all(np.isfinite(lower.go())):
        failures.append("steps after carry_down are not finite")
    if not np.array_equal(upper.copy().go(), undisturbed):
        failures.append("steps after carry_down change the state of the fine level")

    expected = lower.copy().go()
    fine.carry_up(upper.state, lower.state, carrier)
    if not np.all(np.isfinite(upper.go())):
        failures.append("steps after carry_up are not finite")
    if not np.array_equal(lower.go(), expected):
        failures.append("carry_up, or steps after it, changed the state of the coarse level")

    fresh = _Run(fine, f, x, fine.init(x, carrier.fine_metric))
    fine.carry_up(fresh.state, coarse.init(x_coarse, carrier.coarse_metric), carrier)
    if not np.all(np.isfinite(fresh.go())):
        failures.append("steps after carry_up from a fresh state are not finite")
    return failures


def _two_levels(
    size: int, dtype: DTypeLike, seed: int
) -> tuple[Carrier, Quadratic, Quadratic, Vector]:
    """Return a quadratic, its Galerkin approximation and a start on functions of t in (0, 1)."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.standard_normal((size, size)))[0]
    matrix = rotation @ np.diag(np.geomspace(1e-2, 1, size)) @ rotation.T / size
    minimiser, start = rng.standard_normal((2, size)).astype(dtype)
    prolongation = np.kron(np.eye(size // 2), [[1.0], [1.0]]).astype(dtype)
    carrier = Carrier(
        MatrixTransfer(prolongation),
        Diagonal(np.full(size, 1 / size, dtype)),
        Diagonal(np.full(size // 2, 2 / size, dtype)),
    )
    coarse = prolongation.T @ matrix @ prolongation
    return (
        carrier,
        Quadratic(matrix, minimiser, dtype),
        Quadratic(coarse, carrier.point_down(minimiser), dtype),
        start,
    )


def memo_failures(
    optimizer: LevelOptimizer, f: Objective, x: Vector, metric: Metric
) -> tuple[list[str], float]:
    """Return what goes wrong when the objective remembers its last gradient, and a step's cost."""
    work = WorkUnits([1.0])
    ends = []
    for objective in (f, Memo(Counted(f, work, 0))):
        point = x.copy()
        state = optimizer.init(point, metric)
        for _ in range(2 * STEPS):
            optimizer.step(objective, point, state)
        ends.append(point)
    same = np.array_equal(ends[0], ends[1])
    return [] if same else ["a Memo around f gave other bits"], work.total / (2 * STEPS)
