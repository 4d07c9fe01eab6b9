"""The cascade: nested iteration with the level's optimiser, whose memory goes along."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from . import nested
from .carry import Carrier
from .hierarchy import Hierarchy
from .nested import NestedState
from .objective import Vector
from .race import Contender, Race, RaceState
from .report import CycleReport
from .smoothing import Smoothing, SmoothingState
from .stopping import Stall, StoppingRule

STATES = ("transfer", "reset")


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
        state = nested.begin(hierarchy, x, Smoothing(), self.stop)
        if self.race is not None and self.race.starts > 1 and len(hierarchy) > 1:
            state.race = RaceState(state.point.copy())
        return state

    def step(self, hierarchy: Hierarchy, x: Vector, state: NestedState) -> CycleReport:
        """Take one step on the present level, and go up if that was enough."""
        report = nested.work(hierarchy, x, state, self.stop)
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
        return nested.solution(hierarchy, x, state)

    def look(self, state: NestedState, point: Vector) -> float:
        """Return the objective at the present level's `point`; the next step need not repeat it."""
        return nested.look(state, point)

    def _ascend_to(self, hierarchy: Hierarchy, x: Vector, state: NestedState, target: int) -> None:
        while True:
            coarse: SmoothingState = state.inner
            l = nested.prolong(hierarchy, x, state)
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
        here = own.value(state.point) if own.knows(state.point) else nested.look(state, state.point)
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
