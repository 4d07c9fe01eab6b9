"""The V-cycle of MG/OPT: algorithm 1 of the paper."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import _core
from .hierarchy import Hierarchy
from .linesearch import REJECTED, FixedStep, LineSearch, Step
from .objective import Memo, Objective, Tilted, Vector
from .schedule import Schedule


@dataclass(frozen=True)
class CorrectionReport:
    """What the coarse correction did on one level.

    Attributes
    ----------
    level : int
        The level that was corrected, 0 for the finest.
    value : float
        The level's objective, coupling included, before the correction.
    gradient_norm : float
        Norm of its gradient in the level's metric.
    coupling : float
        |v| / |R g|: how much of the restricted gradient the coarse objective does not know itself.
    slope : float
        <g, d>, the directional derivative along the correction d.
    correction_norm : float
        Norm of the correction in the level's metric.
    alpha : float
        The step taken along it, 0 if it was rejected.
    accepted : bool
        False if the correction was not finite, was no descent direction, or failed the line search.
    evaluations : int
        Values of the objective that the line search asked for.
    """

    level: int
    value: float
    gradient_norm: float
    coupling: float
    slope: float
    correction_norm: float
    alpha: float
    accepted: bool
    evaluations: int


@dataclass(frozen=True)
class CycleReport:
    """What one cycle did.

    Attributes
    ----------
    value : float
        The finest objective at the first point where the cycle evaluated it.
    work_units : float
        What the cycle cost.
    corrections : tuple of CorrectionReport
        In the order in which they were applied: coarse levels first.
    level : int
        The level that was worked for: 0, the finest, except in nested iteration.
    value_after : float or None
        The objective of that level at the end, if it is known without further work.
    gradient_norm : float
        Norm of the last gradient of that level, in its metric; NaN if there was none.
    """

    value: float
    work_units: float
    corrections: tuple[CorrectionReport, ...] = ()
    level: int = 0
    value_after: float | None = None
    gradient_norm: float = math.nan


@dataclass
class _LevelState:
    """The vectors of one level; of them only the optimiser's state and the memo outlive a cycle."""

    objective: Memo  # the level's own, whose last gradient is free
    optimizer: Any
    gradient: Vector  # g, where the coupling to the next coarser level is built
    correction: Vector  # d = P (y - y0), from the next coarser level
    point: Vector  # y: the parameters of a coarse level while it is visited
    origin: Vector  # y0 = Pi x, where the visit began
    restricted: Vector  # R g, from the next finer level


@dataclass
class CycleState:
    """What a cycle carries from one step to the next: scratch vectors and optimiser states."""

    levels: list[_LevelState]
    reports: list[CorrectionReport] = field(default_factory=list)
    first_value: float | None = None

    @property
    def finest(self) -> Memo:
        """The finest objective, with its last gradient."""
        return self.levels[0].objective


@dataclass(frozen=True)
class VCycle:
    """One V-cycle of MG/OPT.

    The optimiser state of the finest level, whose objective never changes, lives as long as the
    :class:`CycleState`.  A coarse objective is a different function at every visit, because its
    coupling is; so its optimiser starts afresh at every visit, and its state lasts from the
    smoothing before to the smoothing after that visit's own correction.

    Attributes
    ----------
    schedule : Schedule
        Step counts; must have as many levels as the hierarchy.
    line_search : LineSearch
        Judges every correction on the level's own objective, coupling included.  Whatever it says,
        a correction that is not finite or no descent direction is never taken.
    """

    schedule: Schedule
    line_search: LineSearch = field(default_factory=FixedStep)

    def init(self, hierarchy: Hierarchy, x: Vector) -> CycleState:
        """Return the state for cycles on `hierarchy` started at points like `x`.

        Raises
        ------
        ValueError
            If `x` or the schedule does not fit the hierarchy.
        """
        if len(self.schedule) != len(hierarchy):
            raise ValueError(
                f"schedule: expected {len(hierarchy)} levels, got {len(self.schedule)}: "
                f"{self.schedule}"
            )
        finest = hierarchy[0].objective
        if x.shape != (finest.size,) or x.dtype != finest.dtype:
            raise ValueError(
                f"x: expected shape ({finest.size},) and dtype {finest.dtype}, "
                f"got {x.shape} and {x.dtype}"
            )
        if not (x.flags.c_contiguous and x.flags.writeable):
            raise ValueError("x: expected a contiguous, writable array, to be changed in place")
        states = []
        for level in hierarchy:
            g, d, y, y0, r = (np.zeros(level.objective.size, x.dtype) for _ in range(5))
            optimizer = level.optimizer.init(y, level.metric)
            states.append(_LevelState(Memo(level.objective), optimizer, g, d, y, y0, r))
        return CycleState(states)

    def step(self, hierarchy: Hierarchy, x: Vector, state: CycleState) -> CycleReport:
        """Run one cycle; `x` is changed in place."""
        work_before = hierarchy.work.total
        state.reports.clear()
        state.first_value = None
        self._visit(hierarchy, 0, state.levels[0].objective, x, state)
        assert state.first_value is not None
        finest = state.levels[0].objective
        return CycleReport(
            state.first_value,
            hierarchy.work.total - work_before,
            tuple(state.reports),
            value_after=finest.value(x) if finest.knows(x) else None,
            gradient_norm=finest.gradient_norm(hierarchy[0].metric),
        )

    def _visit(
        self, hierarchy: Hierarchy, l: int, f: Objective, x: Vector, state: CycleState
    ) -> None:
        """Algorithm 1 on level l: minimise f, which includes the coupling, starting at x."""
        if l == len(hierarchy) - 1:
            self._smooth(hierarchy, l, f, x, state, self.schedule.coarsest)
            return
        steps = self.schedule.levels[l]
        transfer = hierarchy[l].transfer
        fine, coarse = state.levels[l], state.levels[l + 1]
        assert transfer is not None

        # 1. downward phase
        self._smooth(hierarchy, l, f, x, state, steps.pre)
        fx = f.value_and_grad(x, fine.gradient)
        self._note_value(l, fx, state)
        transfer.project(x, coarse.origin)
        transfer.restrict(fine.gradient, coarse.restricted)
        f_coarse = Tilted(coarse.objective, coarse.origin, coarse.restricted)

        # 2. recursion
        np.copyto(coarse.point, coarse.origin)
        coarse_level = hierarchy[l + 1]
        coarse.optimizer = coarse_level.optimizer.init(coarse.point, coarse_level.metric)
        self._visit(hierarchy, l + 1, f_coarse, coarse.point, state)

        # 3. upward phase
        coarse.point -= coarse.origin
        self._correct(hierarchy, l, f, x, fx, f_coarse, state)
        self._smooth(hierarchy, l, f, x, state, steps.post)

    def _smooth(
        self, hierarchy: Hierarchy, l: int, f: Objective, x: Vector, state: CycleState, steps: int
    ) -> None:
        optimizer = hierarchy[l].optimizer
        for _ in range(steps):
            fx = optimizer.step(f, x, state.levels[l].optimizer)
            self._note_value(l, fx, state)

    def _correct(
        self,
        hierarchy: Hierarchy,
        l: int,
        f: Objective,
        x: Vector,
        fx: float,
        f_coarse: Tilted,
        state: CycleState,
    ) -> None:
        """Prolong the coarse change and add it, if it is fit to be added."""
        level, fine, coarse = hierarchy[l], state.levels[l], state.levels[l + 1]
        coarse_metric = hierarchy[l + 1].metric
        assert level.transfer is not None

        d = fine.correction
        level.transfer.prolong(coarse.point, d)
        slope = _core.dot(fine.gradient, d)
        correction_norm = level.metric.norm(d)
        step = self._judge(f, x, d, fx, slope, correction_norm)
        if step.accepted:
            _core.axpy(step.alpha, d, x)

        gradient_norm = level.metric.dual_norm(fine.gradient)
        restricted_norm = coarse_metric.dual_norm(coarse.restricted)
        coupling_norm = coarse_metric.dual_norm(f_coarse.v)
        state.reports.append(
            CorrectionReport(
                level=l,
                value=fx,
                gradient_norm=gradient_norm,
                coupling=coupling_norm / restricted_norm if restricted_norm > 0 else 0.0,
                slope=slope,
                correction_norm=correction_norm,
                alpha=step.alpha,
                accepted=step.accepted,
                evaluations=step.evaluations,
            )
        )

    def _judge(
        self, f: Objective, x: Vector, d: Vector, fx: float, slope: float, length: float
    ) -> Step:
        if length == 0:
            return Step(alpha=0.0, accepted=True)
        if not (math.isfinite(length) and -math.inf < slope < 0):
            return REJECTED
        step = self.line_search(f, x, d, fx, slope)
        return step if math.isfinite(step.alpha) else REJECTED

    @staticmethod
    def _note_value(l: int, fx: float, state: CycleState) -> None:
        if l == 0 and state.first_value is None:
            state.first_value = fx
