"""The additive cycle: all levels answer the same fine gradient, and their answers are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from ... import _core
from ..hierarchy import Hierarchy
from ..objective import Objective, Vector
from .acceptance import Guard, Trial
from .coupling import Coupling, FirstOrder, relative_coupling
from .linesearch import FixedStep, LineSearch
from .method import Method
from .report import CycleReport
from .sampling import agree, draw
from .schedule import Schedule
from .state import CycleState, StatePolicy, check_fit, start_visit
from .verify import VerifiedOn


@dataclass(frozen=True)
class AdditiveCycle(Method):
    r"""One additive cycle.

    With g = f'(x), the gradient r_l = R ... R g and the point x_l = Pi ... Pi x on level l, every
    level starts at x_l and minimises its surrogate, whose gradient there is r_l, independently of
    the others; with e_l the changes,

    .. math:: x \leftarrow x + \alpha (e_0 + P (e_1 + P (e_2 + \dots))) .

    With one gradient step on each level this is preconditioned gradient descent, the preconditioner
    being the sum over the levels of P M_l^-1 R (J. Bramble, J. Pasciak and J. Xu, Parallel
    multilevel preconditioners, Math. Comp. 55, 1990).  Levels correct the same errors more than
    once, so the sum is in general too long: use a line search, or a fixed step below 1.  The idea
    of an additive full approximation scheme is PETSc's (``SNES_FAS_ADDITIVE``).

    Attributes
    ----------
    schedule : Schedule
        Step counts: a level takes its steps before and after together, at no set place.  A level
        without steps costs nothing.
    line_search : LineSearch
        Judges the sum.
    coupling : Coupling
        What makes a coarse objective a surrogate of the next finer one.
    state : "reset" or "keep"
        As in :class:`Cycle`.  The levels work side by side, so there is nothing to transfer.
    verify : VerifiedOn or None
        Has to agree to the step.
    """

    schedule: Schedule
    line_search: LineSearch = field(default_factory=FixedStep)
    _: KW_ONLY
    coupling: Coupling = field(default_factory=FirstOrder)
    state: StatePolicy = "reset"
    verify: VerifiedOn | None = None

    def __post_init__(self) -> None:
        if self.state not in ("reset", "keep"):
            raise ValueError(f"state: expected 'reset' or 'keep', got {self.state!r}")

    def levels(self) -> int:
        """Return how many levels a hierarchy must have: those of the schedule."""
        return len(self.schedule)

    def work_units(self, costs: Sequence[float] | None = None) -> float:
        """Return what a cycle costs: a gradient for each step, and at least one on the finest.

        `costs` are those of a gradient on each level, finest first; by default 1, 1/2, 1/4, ...
        """
        if costs is None:
            costs = [0.5**l for l in range(len(self.schedule))]
        steps = [self._steps(l) for l in range(len(self.schedule))]
        return sum(c * n for c, n in zip(costs, [max(steps[0], 1), *steps[1:]], strict=True))

    def init(self, hierarchy: Hierarchy, x: Vector) -> CycleState:
        """Return the state for cycles on `hierarchy` started at points like `x`.

        Raises
        ------
        ValueError
            If `x`, the schedule or the objective to verify on does not fit the hierarchy.
        """
        check_fit(self.schedule, self.verify, hierarchy)
        return CycleState.make(hierarchy, x)

    def step(self, hierarchy: Hierarchy, x: Vector, state: CycleState) -> CycleReport:
        """Run one cycle; `x` is changed in place."""
        work_before = hierarchy.work.total
        state.start()
        finest = state.levels[0]
        fx = finest.objective.value_and_grad(x, finest.gradient)
        state.note_value(0, fx)
        coupling = self._answer(hierarchy, x, state)
        e = self._add(hierarchy, state)
        level = hierarchy[0]
        slope = _core.dot(finest.gradient, e)
        trial = Trial(finest.objective, x, e, fx, slope, level.metric.norm(e))
        guard = Guard(self.line_search, None, self.verify)
        verdict = guard.judge(hierarchy, 0, trial, finest.objective, e, state)
        if verdict.step.accepted:
            _core.axpy(verdict.step.alpha, e, x)
        gradient_norm = level.metric.dual_norm(finest.gradient)
        state.reports.append(verdict.report(0, trial, gradient_norm, coupling))
        return state.report(hierarchy, x, work_before)

    def _steps(self, l: int) -> int:
        if l == len(self.schedule) - 1:
            return self.schedule.coarsest
        return self.schedule.levels[l].pre + self.schedule.levels[l].post

    def _answer(self, hierarchy: Hierarchy, x: Vector, state: CycleState) -> float:
        """Let every level take its steps, from its `origin` to its `point`.

        Returns the largest |v| / |R g|.
        """
        finest = state.levels[0]
        np.copyto(finest.origin, x)
        np.copyto(finest.restricted, finest.gradient)
        f: Objective = finest.objective
        f_point, largest = x, 0.0  # of the next finer level that takes steps
        for l, (level, own) in enumerate(zip(hierarchy, state.levels, strict=True)):
            if l > 0:
                finer, transfer = state.levels[l - 1], hierarchy[l - 1].transfer
                assert transfer is not None
                transfer.project(finer.origin, own.origin)
                transfer.restrict(finer.restricted, own.restricted)
            np.copyto(own.point, own.origin)
            if self._steps(l) == 0:
                continue
            if l > 0:
                agree(own.objective, finest.objective)
                h = self.coupling.surrogate(f, own.objective, f_point, own.origin, own.restricted)
                largest = max(largest, relative_coupling(h, own.restricted, level.metric))
                f, f_point = h, own.origin
                start_visit(self.state, hierarchy, l - 1, state)
            for _ in range(self._steps(l)):
                if l > 0:
                    draw(own.objective)
                level.optimizer.step(f, own.point, own.optimizer)
        return largest

    def _add(self, hierarchy: Hierarchy, state: CycleState) -> Vector:
        """Return e_0 + P (e_1 + P (e_2 + ...))."""
        total: Vector = state.levels[-1].point - state.levels[-1].origin
        for l in reversed(range(len(hierarchy) - 1)):
            own, transfer = state.levels[l], hierarchy[l].transfer
            assert transfer is not None
            transfer.prolong(total, own.correction)
            total = own.point - own.origin + own.correction
        return total
