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

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from .carry import Carrier
from .cycle import VCycle
from .hierarchy import Hierarchy
from .objective import Memo, Vector
from .race import Contender, Race, RaceState
from .report import CycleReport
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


@dataclass(frozen=True)
class Cascade:
    """Minimise on the coarsest level, prolong, minimise on the next, ... up to the finest.

    Parameters are prolonged by P.  What the optimiser remembers of a level (pairs of L-BFGS,
    moments, velocity) is carried to the next finer one, see :class:`Carrier`, or forgotten.

    Levels that are bridges (:attr:`Level.bridge`) imitate the finest one.  They are visited only
    from a level where the goal was met and nearly holds on the finest level too; from the last
    bridge the way leads to the finest level directly.

    Attributes
    ----------
    stop : StoppingRule
        When to leave a level, and on the finest one when to end.
    state : str
        "transfer" carries the optimiser's state along, "reset" starts afresh on each level, and so
        does a level whose optimiser is of another kind than that below it.
    race : Race or None
        Several starts on the coarsest level.
    nearly : float
        A point is as good as on its own level where the objective is at most this many times
        larger: on the finest level for bridges, on the next finer one to win a race at once.
    """

    stop: StoppingRule = field(default_factory=Stall)
    state: str = "transfer"
    race: Race | None = None
    nearly: float = 10.0

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ValueError(f"state: expected one of {STATES}, got {self.state!r}")
        if not self.nearly >= 1:
            raise ValueError(f"nearly: expected a number from 1, got {self.nearly}")

    def init(self, hierarchy: Hierarchy, x: Vector) -> NestedState:
        """Return a state on the coarsest level, at the projection of `x`."""
        state = _begin(hierarchy, x, Smoothing(), self.stop)
        if self.race is not None and self.race.starts > 1 and len(hierarchy) > 1:
            state.race = RaceState(state.point.copy())
        return state

    def step(self, hierarchy: Hierarchy, x: Vector, state: NestedState) -> CycleReport:
        """Take one step on the present level, and go up if that was enough."""
        report = _work(hierarchy, x, state, self.stop)
        if state.race is not None:
            assert self.race is not None
            state.race.steps += 1
            if state.finished or state.race.steps >= self.race.steps:
                self._next_start(hierarchy, state, won=False)
        if state.finished and state.level > 0:
            self._ascend_to(hierarchy, x, state, _next_level(hierarchy, state.level))
        return report

    def ascend(
        self,
        hierarchy: Hierarchy,
        x: Vector,
        state: NestedState,
        finest_value: float | None = None,
    ) -> None:
        """Go up because the goal is met; on the finest level its parameters are written to `x`.

        During a race another start may come first.

        Parameters
        ----------
        hierarchy, x, state
            As for :meth:`step`.
        finest_value : float, optional
            The finest objective at the present point, if it is known.
        """
        if state.race is not None and self._next_start(hierarchy, state, won=True):
            return
        l = state.level
        own = state.inner.finest
        is_near = finest_value is not None and own.knows(state.point)
        if is_near:
            assert finest_value is not None
            is_near = finest_value <= self.nearly * own.value(state.point)
        self._ascend_to(hierarchy, x, state, _next_level(hierarchy, l, is_near))

    def solution(self, hierarchy: Hierarchy, x: Vector, state: NestedState) -> Vector:
        """Return what has been reached, prolonged to the finest level; `x` is not changed."""
        return _solution(hierarchy, x, state)

    def look(self, state: NestedState, point: Vector) -> float:
        """Return the objective at the present level's `point`; the next step need not repeat it."""
        return _look(state, point)

    def _ascend_to(self, hierarchy: Hierarchy, x: Vector, state: NestedState, target: int) -> None:
        while True:
            coarse: SmoothingState = state.inner
            l = _prolong(hierarchy, x, state)
            fine = Smoothing().init(hierarchy.coarser(l), x if l == 0 else state.point)
            same = type(hierarchy[l].optimizer) is type(hierarchy[l + 1].optimizer)
            if self.state == "transfer" and same:
                transfer = hierarchy[l].transfer
                assert transfer is not None
                carrier = Carrier(transfer, hierarchy[l].metric, hierarchy[l + 1].metric)
                hierarchy[l].optimizer.carry_up(fine.optimizer, coarse.optimizer, carrier)
            state.inner = fine
            state.rule = self.stop.init()
            if l <= target:
                return

    def _next_start(self, hierarchy: Hierarchy, state: NestedState, won: bool) -> bool:
        """Judge the present start on the next finer level, and go to the next one if it pays.

        Returns False if the race is over; the state then is that of the best start.
        """
        race, l = state.race, state.level
        assert race is not None
        assert self.race is not None
        own = state.inner.finest
        here = own.value(state.point) if own.knows(state.point) else _look(state, state.point)
        transfer = hierarchy[l - 1].transfer
        assert transfer is not None
        fine = np.empty(transfer.fine_size, state.point.dtype)
        transfer.prolong(state.point, fine)
        there = hierarchy[l - 1].objective.value(fine)
        score = max(here, there)
        race.behind.append(
            Contender(state.point, state.inner, score if math.isfinite(score) else math.inf)
        )
        race.number += 1
        race.steps = 0
        good_enough = won and there <= self.nearly * here
        if good_enough or race.number >= self.race.starts:
            best = min(race.behind, key=lambda contender: contender.score)
            state.point, state.inner, state.race = best.point, best.inner, None
            state.finished = True
            return False
        state.point = self.race.start(race.first, race.number)
        state.inner = Smoothing().init(hierarchy.coarser(l), state.point)
        state.rule, state.finished = self.stop.init(), False
        return True


def _next_level(hierarchy: Hierarchy, level: int, is_near: bool = False) -> int:
    """Return the level to visit after `level`."""
    bridges = [l for l in range(level - 1, 0, -1) if hierarchy[l].bridge]
    if is_near and hierarchy[level].bridge:
        return bridges[0] if bridges else 0
    if is_near and bridges and bridges[0] == level - 1:
        return level - 1
    return next((l for l in range(level - 1, 0, -1) if not hierarchy[l].bridge), 0)


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

    def ascend(
        self,
        hierarchy: Hierarchy,
        x: Vector,
        state: NestedState,
        finest_value: float | None = None,
    ) -> None:
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
