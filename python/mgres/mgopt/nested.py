"""Nested iteration: from the coarsest level to the finest, each one starting where the last ended.

On every level a method works until a rule says that it has done enough; then the point is prolonged
and the next finer level begins.  What the method is makes the difference:

===================  =========================================  ====================================
class                on a level                                 source
===================  =========================================  ====================================
:class:`Cascade`     the level's optimiser, whose memory goes   Deuflhard 1994; Chang et al. 2017
                     along
:class:`FullMultigrid`  cycles through all coarser levels       Brandt 1977
===================  =========================================  ====================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from .carry import Carrier
from .cycle import CycleReport, VCycle
from .hierarchy import Hierarchy
from .objective import Memo, Vector
from .schedule import Schedule
from .stopping import MaxSteps, Stall, StoppingRule

STATES = ("transfer", "reset")


class Method(Protocol):
    """Minimises the finest objective of a hierarchy step by step; a V-cycle is one."""

    def init(self, hierarchy: Hierarchy, x: Vector) -> Any:
        """Return the state for a start at points like `x`."""
        ...

    def step(self, hierarchy: Hierarchy, x: Vector, state: Any) -> CycleReport:
        """Improve `x` in place."""
        ...


@dataclass
class SmoothingState:
    """What :class:`Smoothing` carries from step to step."""

    finest: Memo
    optimizer: Any


@dataclass(frozen=True)
class Smoothing:
    """Steps of the finest level's optimiser, the coarser levels left alone: the single level."""

    def init(self, hierarchy: Hierarchy, x: Vector) -> SmoothingState:
        """Return a state with a fresh optimiser."""
        level = hierarchy[0]
        return SmoothingState(Memo(level.objective), level.optimizer.init(x, level.metric))

    def step(self, hierarchy: Hierarchy, x: Vector, state: SmoothingState) -> CycleReport:
        """Take one step."""
        before = hierarchy.work.total
        value = hierarchy[0].optimizer.step(state.finest, x, state.optimizer)
        known = state.finest.value(x) if state.finest.knows(x) else None
        gradient_norm = state.finest.gradient_norm(hierarchy[0].metric)
        work = hierarchy.work.total - before
        return CycleReport(value, work, value_after=known, gradient_norm=gradient_norm)


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
    """

    level: int
    point: Vector
    method: Method
    inner: Any
    rule: Any
    finished: bool = False


@dataclass(frozen=True)
class Cascade:
    """Minimise on the coarsest level, prolong, minimise on the next, ... up to the finest.

    Parameters are prolonged by P.  What the optimiser remembers of a level (pairs of L-BFGS,
    moments, velocity) is carried to the next finer one, see :class:`Carrier`, or forgotten.

    Attributes
    ----------
    stop : StoppingRule
        When to leave a level, and on the finest one when to end.
    state : str
        "transfer" carries the optimiser's state along, "reset" starts afresh on each level.
    """

    stop: StoppingRule = field(default_factory=Stall)
    state: str = "transfer"

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ValueError(f"state: expected one of {STATES}, got {self.state!r}")

    def init(self, hierarchy: Hierarchy, x: Vector) -> NestedState:
        """Return a state on the coarsest level, at the projection of `x`."""
        return _begin(hierarchy, x, Smoothing(), self.stop)

    def step(self, hierarchy: Hierarchy, x: Vector, state: NestedState) -> CycleReport:
        """Take one step on the present level, and go up if that was enough."""
        report = _work(hierarchy, x, state, self.stop)
        if state.finished and state.level > 0:
            self.ascend(hierarchy, x, state)
        return report

    def ascend(self, hierarchy: Hierarchy, x: Vector, state: NestedState) -> None:
        """Go to the next finer level; on the finest one its parameters are written to `x`."""
        coarse: SmoothingState = state.inner
        l = _prolong(hierarchy, x, state)
        fine = Smoothing().init(hierarchy.coarser(l), x if l == 0 else state.point)
        if self.state == "transfer":
            transfer = hierarchy[l].transfer
            assert transfer is not None
            carrier = Carrier(transfer, hierarchy[l].metric, hierarchy[l + 1].metric)
            hierarchy[l].optimizer.carry_up(fine.optimizer, coarse.optimizer, carrier)
        state.inner = fine
        state.rule = self.stop.init()

    def solution(self, hierarchy: Hierarchy, x: Vector, state: NestedState) -> Vector:
        """Return what has been reached, prolonged to the finest level; `x` is not changed."""
        return _solution(hierarchy, x, state)

    def look(self, state: NestedState, point: Vector) -> float:
        """Return the objective at the present level's `point`; the next step need not repeat it."""
        return _look(state, point)


def paper_cycle(levels: int) -> VCycle:
    """Return the V-cycle of the paper's table 1."""
    return VCycle(Schedule.paper(levels))


@dataclass(frozen=True)
class FullMultigrid:
    """Nested iteration with cycles: every level but the coarsest has all coarser ones to help it.

    Attributes
    ----------
    cycle : callable
        Makes the cycle for a number of levels; for one level, the method on the coarsest.
    stop : StoppingRule
        Rules how many cycles a level gets.
    """

    cycle: Callable[[int], Method] = paper_cycle
    stop: StoppingRule = field(default_factory=lambda: MaxSteps(1))

    def init(self, hierarchy: Hierarchy, x: Vector) -> NestedState:
        """Return a state on the coarsest level, at the projection of `x`."""
        return _begin(hierarchy, x, self.cycle(1), self.stop)

    def step(self, hierarchy: Hierarchy, x: Vector, state: NestedState) -> CycleReport:
        """Run one cycle on the present level, and go up if that was enough."""
        report = _work(hierarchy, x, state, self.stop)
        if state.finished and state.level > 0:
            self.ascend(hierarchy, x, state)
        return report

    def ascend(self, hierarchy: Hierarchy, x: Vector, state: NestedState) -> None:
        """Go to the next finer level; on the finest one its parameters are written to `x`."""
        l = _prolong(hierarchy, x, state)
        state.method = self.cycle(len(hierarchy) - l)
        state.inner = state.method.init(hierarchy.coarser(l), x if l == 0 else state.point)
        state.rule = self.stop.init()

    def solution(self, hierarchy: Hierarchy, x: Vector, state: NestedState) -> Vector:
        """Return what has been reached, prolonged to the finest level; `x` is not changed."""
        return _solution(hierarchy, x, state)

    def look(self, state: NestedState, point: Vector) -> float:
        """Return the objective at the present level's `point`; the next step need not repeat it."""
        return _look(state, point)


# ---- what both share -----------------------------------------------------------------------------


def _begin(hierarchy: Hierarchy, x: Vector, method: Method, stop: StoppingRule) -> NestedState:
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


def _work(hierarchy: Hierarchy, x: Vector, state: NestedState, stop: StoppingRule) -> CycleReport:
    """One step of the level's method; `finished` says whether the level has had enough."""
    point = x if state.level == 0 else state.point.copy()  # whole again if this is interrupted
    report = state.method.step(hierarchy.coarser(state.level), point, state.inner)
    state.point = point
    state.finished = stop.met(state.rule, report.value, report.gradient_norm)
    return replace(report, level=state.level)


def _prolong(hierarchy: Hierarchy, x: Vector, state: NestedState) -> int:
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


def _solution(hierarchy: Hierarchy, x: Vector, state: NestedState) -> Vector:
    point = x if state.level == 0 else state.point
    for l in range(state.level - 1, -1, -1):
        transfer = hierarchy[l].transfer
        assert transfer is not None
        fine = np.empty(transfer.fine_size, x.dtype)
        transfer.prolong(point, fine)
        point = fine
    return point.copy() if point is x else point


def _look(state: NestedState, point: Vector) -> float:
    memo: Memo = state.inner.finest
    return memo.value_and_grad(point, np.empty_like(point))
