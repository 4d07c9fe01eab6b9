"""What a cycle keeps: vectors, optimiser states, radii; and the policies for optimiser states."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from ..carrier import Carrier
from ..hierarchy import Hierarchy, Level
from ..memo import Memo
from ..objective import Objective, Vector
from .report import CorrectionReport, CycleReport
from .schedule import Schedule
from .trust import Ball
from .verify import VerifiedOn

StatePolicy = Literal["reset", "keep", "transfer", "down"]
"""What becomes of the state of a coarse level's optimiser from visit to visit.

reset
    it starts afresh: the coupling makes a different function of the level at every visit
keep
    it lives on as it is
transfer
    it is made from the finer level's at the start of the visit (`carry_down`), and if the
    correction is taken, the finer level learns from it (`carry_up`) and from the correction
down
    it is made from the finer level's as well, but the finer level learns from the correction
    alone: for L-BFGS on objectives that are not quadratic, whose pairs from coarse levels
    say nothing of what the coarse levels do not see

The state of the finest level, whose objective does not change with the coupling, always lives on.
"""

STATE_POLICIES: tuple[StatePolicy, ...] = get_args(StatePolicy)
"""The policies by name."""


@dataclass
class LevelState:
    """What belongs to one level; memo, optimiser state and radius outlive a cycle."""

    objective: Memo  # the level's own, whose last gradient is free
    optimizer: Any
    gradient: Vector  # g, where the coupling to the next coarser level is built
    correction: Vector  # d = P (y - y0), from the next coarser level
    point: Vector  # y: the parameters of a coarse level while it is visited
    origin: Vector  # y0 = Pi x, where the visit began
    restricted: Vector  # R g, from the next finer level
    radius: float  # of the trust region for visits of the next coarser level
    ball: Ball | None = None  # to which the present visit of this level is confined

    @property
    def is_over(self) -> bool:
        """Whether the present visit has ended at the boundary of its trust region."""
        return self.ball is not None and self.ball.left


@dataclass
class CycleState:
    """What a cycle carries from one step to the next.

    Attributes
    ----------
    levels : list
        For each level its optimiser's state and scratch.
    reports : list of CorrectionReport
        Of the corrections in the present cycle.
    skipped : list of int
        The levels that were not visited in the present cycle.
    first_value : float or None
        f at the start of the present cycle.
    """

    levels: list[LevelState]
    reports: list[CorrectionReport] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    first_value: float | None = None

    @classmethod
    def make(cls, hierarchy: Hierarchy, x: Vector, radius: float = np.inf) -> CycleState:
        """Return the state for cycles on `hierarchy` started at points like `x`.

        Raises
        ------
        ValueError
            If `x` does not fit the hierarchy or cannot be changed in place.
        """
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
            states.append(LevelState(Memo(level.objective), optimizer, g, d, y, y0, r, radius))
        return cls(states)

    @property
    def finest(self) -> Memo:
        """The finest objective, with its last gradient."""
        return self.levels[0].objective

    def start(self) -> None:
        """Forget the reports of the last cycle."""
        self.reports.clear()
        self.skipped.clear()
        self.first_value = None

    def note_value(self, l: int, fx: float) -> None:
        """Keep the first value of the finest objective."""
        if l == 0 and self.first_value is None:
            self.first_value = fx

    def report(self, hierarchy: Hierarchy, x: Vector, work_before: float) -> CycleReport:
        """Return the report on a cycle that ends at `x`."""
        assert self.first_value is not None
        return CycleReport(
            value=self.first_value,
            work_units=hierarchy.work.total - work_before,
            corrections=tuple(self.reports),
            value_after=self.finest.value(x) if self.finest.knows(x) else None,
            gradient_norm=self.finest.gradient_norm(hierarchy[0].metric),
            skipped=tuple(self.skipped),
        )


def check_state_policy(policy: str) -> None:
    """Raise ValueError unless `policy` is one of the four."""
    if policy not in STATE_POLICIES:
        raise ValueError(f"state: expected one of {STATE_POLICIES}, got {policy!r}")


def check_fit(schedule: Schedule, verify: VerifiedOn | None, hierarchy: Hierarchy) -> None:
    """Raise ValueError unless schedule and verification fit the hierarchy."""
    if len(schedule) != len(hierarchy):
        raise ValueError(
            f"schedule: expected {len(hierarchy)} levels, got {len(schedule)}: {schedule}"
        )
    size = hierarchy[0].objective.size
    if verify is not None and verify.objective.size != size:
        raise ValueError(
            f"verify: expected an objective of size {size}, got {verify.objective.size}"
        )


def start_visit(policy: StatePolicy, hierarchy: Hierarchy, l: int, state: CycleState) -> None:
    """Give the optimiser of level `l` + 1 the state with which its visit begins.

    Optimisers of different kinds cannot learn from each other: they start afresh.
    """
    fine, coarse = state.levels[l], state.levels[l + 1]
    level = hierarchy[l + 1]
    if policy == "keep":
        return
    if policy != "reset" and _understand_each_other(hierarchy, l):
        carrier = _carrier(hierarchy[l], level)
        coarse.optimizer = level.optimizer.carry_down(fine.optimizer, carrier)
    else:
        coarse.optimizer = level.optimizer.init(coarse.point, level.metric)


def learn_from_visit(
    policy: StatePolicy,
    hierarchy: Hierarchy,
    l: int,
    state: CycleState,
    f: Objective,
    x: Vector,
    alpha: float,
    next_gradient_is_needed: bool,
) -> None:
    """Let the optimiser of level `l` learn from level `l` + 1 and from the correction.

    An optimiser with a method ``learn(s, y, state)``, such as L-BFGS, is also told the step
    s = alpha d and the change y of the gradient along it, provided that the next step needs the
    gradient at x + s anyway, so that it costs nothing.
    """
    if policy in ("reset", "keep") or alpha == 0:
        return
    level, fine, coarse = hierarchy[l], state.levels[l], state.levels[l + 1]
    if policy == "transfer" and _understand_each_other(hierarchy, l):
        carrier = _carrier(level, hierarchy[l + 1])
        level.optimizer.carry_up(fine.optimizer, coarse.optimizer, carrier)
    learn = getattr(level.optimizer, "learn", None)
    if learn is not None and next_gradient_is_needed:
        y = np.empty_like(x)
        f.value_and_grad(x, y)
        y -= fine.gradient
        learn(alpha * fine.correction, y, fine.optimizer)


def _understand_each_other(hierarchy: Hierarchy, l: int) -> bool:
    return type(hierarchy[l].optimizer) is type(hierarchy[l + 1].optimizer)


def _carrier(fine: Level, coarse: Level) -> Carrier:
    assert fine.transfer is not None
    return Carrier(fine.transfer, fine.metric, coarse.metric)
