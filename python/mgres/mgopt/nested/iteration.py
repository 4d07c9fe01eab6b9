"""Nested iteration: from the coarsest level to the finest, each one starting where the last ended.

On every level a method works until that level has done enough; then the point is prolonged and the
next finer level begins.  What the method is makes the difference:

======================  ========================================  ===============================
class                   on a level                                source
======================  ========================================  ===============================
:class:`Cascade`        the level's optimiser                     Deuflhard 1994, Chang et al. 2017
:class:`FullMultigrid`  cycles through all coarser levels         Brandt 1977
======================  ========================================  ===============================

A stopping rule says when a level has done enough, or a :class:`Judge`, who asks the finest level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..cycles.method import Best, Method
from ..cycles.report import CycleReport
from ..cycles.stopping import StoppingRule
from ..hierarchy import Hierarchy
from ..objective import Objective, Vector
from ..work import Counted
from .judge import Judge, JudgeState, Look

MOST_STUCK = 4
"""So many steps in a row that leave the objective as it is, to the last digit, are enough: a line
search that fails tries a dozen points, and would fail again."""


@dataclass
class NestedState:
    """Where nested iteration is.

    Attributes
    ----------
    level : int
        The level worked on, 0 for the finest.
    point : Vector
        Its parameters; on the finest level they are the caller's vector instead.
    inner : state of the method that works on the level
    rule : state of the stopping rule
    judge : JudgeState or None
        What the judge knows of the level.
    finished : bool
        The rule has said so on the finest level.
    best : Best or None
        The best point at which the finest level was asked.
    value, stuck : float, int
        The objective before the last step, and how many steps in a row have not changed it.
    """

    level: int
    point: Vector
    inner: Any
    rule: Any
    judge: JudgeState | None
    finished: bool = False
    best: Best | None = None
    value: float = math.nan
    stuck: int = 0


class NestedIteration(Method):
    """What :class:`Cascade` and :class:`FullMultigrid` share.

    Attributes
    ----------
    stop : StoppingRule
        When a level has done enough.
    finish : StoppingRule or None
        When to end on the finest level; None for `stop`.
    judge : Judge or None
        Leaves a coarse level too when the finest objective says so.
    """

    stop: StoppingRule
    finish: StoppingRule | None
    judge: Judge | None

    # ---- what the subclasses fill in -------------------------------------------------------------

    def on_level(self, levels: int) -> Method:
        """Return what works on a level that has `levels` - 1 coarser ones.

        Raises
        ------
        NotImplementedError
            In the base class.
        """
        raise NotImplementedError

    def enter(self, hierarchy: Hierarchy, x: Vector, state: NestedState, l: int) -> Any:
        """Return the state of the method for level `l` at `x`; `state` is that of level l + 1."""
        return self.on_level(len(hierarchy) - l).init(hierarchy.coarser(l), x)

    # ---- the protocol of methods -----------------------------------------------------------------

    def init(self, hierarchy: Hierarchy, x: Vector) -> NestedState:
        """Return a state on the coarsest level, at the projection of `x`.

        Raises
        ------
        ValueError
            If `x` does not fit the finest level.
        """
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
        inner = self.on_level(1).init(hierarchy.coarser(l), point)
        judge = None if self.judge is None else self.judge.init()
        return NestedState(l, point, inner, self._rule(l).init(), judge)

    def step(self, hierarchy: Hierarchy, x: Vector, state: NestedState) -> CycleReport:
        """Take one step on the present level, and go up if that was enough."""
        l, before = state.level, hierarchy.work.total
        point = x if l == 0 else state.point.copy()  # whole again if this is interrupted
        method, part = self.on_level(len(hierarchy) - l), hierarchy.coarser(l)
        report = method.step(part, point, state.inner)
        state.point = point
        enough = self._rule(l).met(state.rule, report.value, report.gradient_norm)
        state.stuck = state.stuck + 1 if report.value == state.value else 0
        state.value = report.value
        enough = enough or state.stuck >= MOST_STUCK
        finest = None
        if l == 0:
            state.finished = enough
        elif self.judge is None or state.judge is None:
            if enough:
                self._ascend(hierarchy, x, state)
        elif self.judge.is_due(state.judge, _newest(report), report.work_units) or enough:
            finest = self._objective(hierarchy, 0).value(self.solution(hierarchy, x, state))
            look = self._look(hierarchy, x, state, finest)
            ratio = _cost(hierarchy, l) / _cost(hierarchy, l - 1)
            if self.judge.leaves(state.judge, look, ratio) or enough:
                if state.judge.best is not None:
                    finest = state.judge.best.finest  # that of the point that goes up
                self._ascend(hierarchy, x, state)
        spent = hierarchy.work.total - before
        return replace(report, level=l, work_units=spent, finest=finest)

    def level(self, state: NestedState) -> int:
        """Return the level that is worked for, 0 for the finest."""
        return state.level

    def point(self, x: Vector, state: NestedState) -> Vector:
        """Return the parameters of that level: `x` itself on the finest."""
        return x if state.level == 0 else state.point

    def solution(self, hierarchy: Hierarchy, x: Vector, state: NestedState) -> Vector:
        """Return the present point, prolonged to the finest level; `x` is not changed."""
        if state.level == 0:
            return x.copy()
        return _prolong(hierarchy, state.point, state.level, 0)

    def asks(self) -> bool:
        """Return whether there is a judge."""
        return self.judge is not None

    def best(self, state: NestedState) -> Best | None:
        """Return the best point at which a coarse level has asked for the finest objective."""
        return state.best

    def expected(self, state: NestedState, value: float) -> float:
        """Return what the finest objective may be where that of the level is `value`."""
        if self.judge is None or state.judge is None or state.level == 0:
            return value
        return self.judge.expected(state.judge, value)

    def climb(
        self, hierarchy: Hierarchy, x: Vector, state: NestedState, finest: float | None = None
    ) -> None:
        """Go up because the goal holds here and not on the finest level.

        A judge who now knows the `finest` objective stays, expecting as little of it as it is.

        Raises
        ------
        ValueError
            On the finest level.
        """
        if state.level == 0:
            raise ValueError("state: nested iteration is on the finest level, there is none above")
        if self.judge is None or state.judge is None or finest is None:
            self._ascend(hierarchy, x, state)
        else:
            self.judge.hear(state.judge, self._look(hierarchy, x, state, finest))

    def ended(self, state: NestedState) -> bool:
        """Return whether the finest level has had enough."""
        return state.finished

    # ---- levels ----------------------------------------------------------------------------------

    def _rule(self, l: int) -> StoppingRule:
        return self.finish if l == 0 and self.finish is not None else self.stop

    def _look(self, hierarchy: Hierarchy, x: Vector, state: NestedState, finest: float) -> Look:
        """Return an answer of the finest level, and keep the best one."""
        is_better = state.best is None or finest < state.best.value
        if math.isfinite(finest) and is_better:
            state.best = Best(finest, self.solution(hierarchy, x, state))
        return Look(self._own(hierarchy, state), finest, state.point)

    def _own(self, hierarchy: Hierarchy, state: NestedState) -> float:
        """Return the level's objective at its point, as the judge compares it."""
        l = state.level
        if self.judge is not None and self.judge.on:
            return self._objective(hierarchy, l).value(state.point)
        return _known_value(state.inner, hierarchy[l].objective, state.point)

    def _objective(self, hierarchy: Hierarchy, l: int) -> Objective:
        """Return the objective of level `l` that the judge asks, counted."""
        assert self.judge is not None
        own = hierarchy[l].objective
        return Counted(self.judge.on[l], hierarchy.work, l) if self.judge.on else own

    def _ascend(self, hierarchy: Hierarchy, x: Vector, state: NestedState) -> None:
        """Go to the next finer level, from the best point; the finest one's is written to `x`."""
        l = state.level - 1
        point = state.point
        if state.judge is not None and state.judge.best is not None:
            point = state.judge.best.point
        fine = _prolong(hierarchy, point, state.level, l)
        if l == 0:
            x[:] = fine
            fine = x
        state.inner = self.enter(hierarchy, fine, state, l)
        state.level, state.point, state.finished, state.stuck = l, fine, False, 0
        state.rule = self._rule(l).init()
        state.judge = None if self.judge is None else self.judge.init()


def _newest(report: CycleReport) -> float:
    return report.value if report.value_after is None else report.value_after


def _known_value(inner: Any, objective: Objective, point: Vector) -> float:
    """Return the objective at `point`, without work where the method's state knows it."""
    memo = getattr(inner, "finest", None)
    return float(objective.value(point) if memo is None else memo.value(point))


def _prolong(hierarchy: Hierarchy, point: Vector, level: int, target: int) -> Vector:
    for l in range(level - 1, target - 1, -1):
        transfer = hierarchy[l].transfer
        assert transfer is not None
        fine = np.empty(transfer.fine_size, point.dtype)
        transfer.prolong(point, fine)
        point = fine
    return point


def _cost(hierarchy: Hierarchy, l: int) -> float:
    cost = hierarchy[l].cost
    assert cost is not None
    return cost
