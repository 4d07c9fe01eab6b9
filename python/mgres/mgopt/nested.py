"""Nested iteration: from the coarsest level to the finest, each one starting where the last ended.

On every level a method works until a rule says that it has done enough; then the point is prolonged
and the next finer level begins.  What the method is makes the difference:

======================  ========================================  ===============================
class                   on a level                                source
======================  ========================================  ===============================
:class:`Cascade`        the level's optimiser, whose memory goes  Deuflhard 1994, Chang et al. 2017
                        along
:class:`FullMultigrid`  cycles through all coarser levels         Brandt 1977
======================  ========================================  ===============================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .hierarchy import Hierarchy
from .objective import Memo, Vector
from .race import RaceState
from .report import CycleReport
from .smoothing import Method
from .stopping import StoppingRule


@dataclass
class NestedState:
    """Where nested iteration is.

    Attributes
    ----------
    level : int
        The level worked on, 0 for the finest.
    point : Vector
        Its parameters; on the finest level they are the caller's vector instead.
    method, inner : Method and its state
        What works on the level.
    rule : state of the stopping rule
    finished : bool
        The rule said so on the finest level.
    race : RaceState or None
        While several starts are tried on the coarsest level.
    """

    level: int
    point: Vector
    method: Method
    inner: Any
    rule: Any
    finished: bool = False
    race: RaceState | None = None


def begin(hierarchy: Hierarchy, x: Vector, method: Method, stop: StoppingRule) -> NestedState:
    """Return a state on the coarsest level, at the projection of `x`."""
    finest = hierarchy[0].objective
    if x.shape != (finest.size,) or x.dtype != finest.dtype:
        raise ValueError(
            f"x: expected shape ({finest.size},) and dtype {finest.dtype}, "
            f"got {x.shape} and {x.dtype}"
        )
    point = x
    for level in hierarchy[: len(hierarchy) - 1]:
        assert level.transfer is not None
        projected = np.empty(level.transfer.coarse_size, x.dtype)
        level.transfer.project(point, projected)
        point = projected
    l = len(hierarchy) - 1
    inner = method.init(hierarchy.coarser(l), point)
    return NestedState(l, point, method, inner, stop.init())


def work(hierarchy: Hierarchy, x: Vector, state: NestedState, stop: StoppingRule) -> CycleReport:
    """One step of the level's method; `finished` says whether the level has had enough."""
    point = x if state.level == 0 else state.point.copy()  # whole again if this is interrupted
    report = state.method.step(hierarchy.coarser(state.level), point, state.inner)
    state.point = point
    state.finished = stop.met(state.rule, report.value, report.gradient_norm)
    return replace(report, level=state.level)


def prolong(hierarchy: Hierarchy, x: Vector, state: NestedState) -> int:
    """Take the point one level up and return that level."""
    if state.level == 0:
        raise ValueError("state: nested iteration is on the finest level, there is none above it")
    l = state.level - 1
    fine = x if l == 0 else np.empty(hierarchy[l].objective.size, x.dtype)
    transfer = hierarchy[l].transfer
    assert transfer is not None
    transfer.prolong(state.point, fine)
    state.level, state.point, state.finished = l, fine, False
    return l


def solution(hierarchy: Hierarchy, x: Vector, state: NestedState) -> Vector:
    """Return the present point, prolonged to the finest level; `x` is not changed."""
    point = x if state.level == 0 else state.point
    for l in range(state.level - 1, -1, -1):
        transfer = hierarchy[l].transfer
        assert transfer is not None
        fine = np.empty(transfer.fine_size, x.dtype)
        transfer.prolong(point, fine)
        point = fine
    return point.copy() if point is x else point


def look(state: NestedState, point: Vector) -> float:
    """Return the objective at the present level's `point`; the next step need not repeat it."""
    memo: Memo = state.inner.finest
    return memo.value_and_grad(point, np.empty_like(point))
