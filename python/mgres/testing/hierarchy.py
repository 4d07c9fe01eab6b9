"""Hierarchies: what MG/OPT takes for granted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..floats import quiet
from ..mgopt import Hierarchy, Method, Tilted, Vector
from .levels import LevelCheck, check_levels
from .report import Report, number, table

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
"""How far a cycle may move a stationary point, relative to its norm."""

GROWTH = 1.5
"""A transferred loss that grows faster than this per level points to summed parameters."""

IDLE = 1e-2
"""Parameters that move less than this share of the most mobile ones hardly train."""


@dataclass(frozen=True, kw_only=True)
class HierarchyReport(Report):
    """What :func:`check_hierarchy` found.

    Attributes
    ----------
    levels : tuple of LevelCheck
        Finest first.
    growth : float or None
        The mean factor of the loss from one level to the next coarser one; None if not defined.
    fixed_point : float or None
        How far a cycle moved a stationary point, relative to its norm; None without a cycle.
    moved : mapping
        The root mean square change by one cycle for every group of parameters.
    """

    levels: tuple[LevelCheck, ...]
    growth: float | None
    fixed_point: float | None
    moved: Mapping[str, float]

    def __str__(self) -> str:
        header = ["level", "parameters", "loss", "adjointness", "Pi P = I"]
        header += ["coherence", "coupling", "descent"]
        rows = [[str(i), *_cells(level)] for i, level in enumerate(self.levels)]
        body = table(header, rows)
        if self.fixed_point is not None:
            body.append(f"a cycle moves a stationary point by {self.fixed_point:.1e}")
        if self.moved:
            changes = [[name, number(change)] for name, change in self.moved.items()]
            body += table(["group", "change by one cycle (rms)"], changes)
        return self.render("check_hierarchy", body)


@quiet("over", "invalid")  # a divergence is a finding, not an accident
def check_hierarchy(
    hierarchy: Hierarchy,
    x: Vector,
    cycle: Method | None = None,
    *,
    groups: Mapping[str, slice] | None = None,
    seed: int = 0,
) -> HierarchyReport:
    """Check levels, transfers and coupling at `x`, as a cycle without smoothing would meet them.

    Fails if R is not the adjoint of P, parameters are summed instead of averaged, the coarse
    surrogate lacks first-order coherence, a coarse step gives no direction of descent, a cycle
    leaves a stationary point, or a number is not finite.  Warns if the loss grows from level to
    level, if a cycle rejects a correction, and if some parameters hardly move.

    Parameters
    ----------
    hierarchy : Hierarchy
        What is checked.  The work is not entered in its ledger.
    x : Vector
        Parameters of the finest level; not changed.
    cycle : VCycle or other Method, optional
        The cycle for the fixed point and for the parameters moved; both are left out without it.
    groups : mapping of str to slice, optional
        Names for parts of `x`; by default its four quarters.
    seed : int
        Determines the random vectors of :func:`check_transfer`.

    Returns
    -------
    HierarchyReport
        ``print(report)`` shows a table.

    Raises
    ------
    ValueError
        If `x` does not fit the hierarchy, or a group is empty or reaches beyond it.

    Examples
    --------
    >>> from mgres.mgopt import Schedule, VCycle
    >>> from mgres.problems import ControlObjective, control_hierarchy
    >>> hierarchy = control_hierarchy(ControlObjective(32))
    >>> cycle = VCycle(Schedule.parse("[1, 1, {1}]"))
    >>> check_hierarchy(hierarchy, np.zeros(32), cycle).ok
    True
    """
    finest = hierarchy[0].objective
    if x.shape != (finest.size,) or x.dtype != finest.dtype:
        raise ValueError(
            f"x: expected shape ({finest.size},) and dtype {finest.dtype}, "
            f"got {x.shape} and {x.dtype}"
        )
    x = x.copy()
    hierarchy = Hierarchy(hierarchy)  # with a ledger of its own
    tolerance = TOLERANCE[x.dtype.name]
    levels, failures = check_levels(hierarchy, x, seed)
    warnings = []

    growth = _growth([level.loss for level in levels])
    if growth is not None and growth > GROWTH:
        warnings.append(
            f"the transferred loss grows {growth:.2f} x a level: are parameters being summed "
            "(theta = R theta) instead of averaged (theta = Pi theta)?"
        )
    fixed_point = None
    moved: dict[str, float] = {}
    if cycle is not None:
        fixed_point = _fixed_point(hierarchy, x, cycle)
        if not fixed_point <= tolerance:
            failures.append(f"a cycle moves a stationary point by {fixed_point:.1e} of its norm")
        moved, rejected = _one_cycle(hierarchy, x, cycle, groups or _quarters(x.size))
        warnings += [f"level {i}: the cycle rejected the coarse correction" for i in rejected]
        warnings += [
            f"{name}: moves {change:.1e}, less than {IDLE:g} of the most mobile parameters"
            for name, change in moved.items()
            if change < IDLE * max(moved.values())
        ]
        if not all(map(math.isfinite, moved.values())):
            failures.append("one cycle made parameters that are not finite")
    return HierarchyReport(
        failures=tuple(failures),
        warnings=tuple(warnings),
        levels=levels,
        growth=growth,
        fixed_point=fixed_point,
        moved=moved,
    )


def _fixed_point(hierarchy: Hierarchy, x: Vector, cycle: Method) -> float:
    """Return how far a cycle wants to move x, relative to |x|, when f is tilted to be stationary.

    A guard may reject the correction, and then x stays; what was proposed counts all the same.
    """
    finest, *coarser = hierarchy
    stationary = Tilted(finest.objective, x, np.zeros_like(x))
    tilted = Hierarchy([replace(finest, objective=stationary), *coarser])
    moving = x.copy()
    report = cycle.step(tilted, moving, cycle.init(tilted, moving))
    proposed = max((c.correction_norm for c in report.corrections if c.level == 0), default=0.0)
    return max(_norm(moving - x), proposed) / max(_norm(x), 1.0)


def _one_cycle(
    hierarchy: Hierarchy, x: Vector, cycle: Method, groups: Mapping[str, slice]
) -> tuple[dict[str, float], list[int]]:
    """Return the change of each group by one cycle, and the levels that rejected a correction."""
    moving = x.copy()
    report = cycle.step(hierarchy, moving, cycle.init(hierarchy, moving))
    change = (moving - x).astype(np.float64)
    moved = {
        name: _norm(change[part]) / math.sqrt(max(change[part].size, 1))
        for name, part in groups.items()
    }
    return moved, [c.level for c in report.corrections if not c.accepted]


def _quarters(size: int) -> dict[str, slice]:
    edges = [round(i * size / 4) for i in range(5)]
    return {f"quarter {i + 1}": slice(*edges[i : i + 2]) for i in range(4)}


def _growth(losses: list[float]) -> float | None:
    """Return the geometric mean of the ratios of successive losses."""
    if len(losses) < 2 or not all(0 < loss < math.inf for loss in losses):
        return None
    return float((losses[-1] / losses[0]) ** (1 / (len(losses) - 1)))


def _norm(x: np.ndarray[Any, Any]) -> float:
    return float(np.linalg.norm(x.astype(np.float64)))


def _cells(level: LevelCheck) -> list[str]:
    transfer = level.transfer
    return [
        f"{level.size:,}",
        f"{level.loss:.4g}",
        number(transfer.adjointness if transfer else None),
        number(transfer.projection_error if transfer else None),
        number(level.coherence),
        number(level.coupling),
        number(level.descent, ".3f"),
    ]
