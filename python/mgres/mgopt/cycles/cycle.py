"""The cycles of MG/OPT: algorithm 1 of the paper, and its W and F relatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from ... import _core
from ...checks import number_of
from ..hierarchy import Hierarchy
from ..objective import Objective, Vector
from .acceptance import Guard, Trial
from .coupling import Coupling, FirstOrder, Surrogate, relative_coupling
from .linesearch import FixedStep, LineSearch
from .method import Method
from .report import CorrectionReport, CycleReport
from .sampling import agree, draw
from .schedule import Schedule, Shape, check_shape
from .state import (
    CycleState,
    StatePolicy,
    check_fit,
    check_state_policy,
    learn_from_visit,
    start_visit,
)
from .stopping import StoppingRule
from .trust import TrustRegion
from .verify import VerifiedOn


@dataclass(frozen=True)
class Cycle(Method):
    """One cycle of MG/OPT.

    By default the paper's: the first-order coupling, corrections added as they are, and fresh
    optimisers on coarse levels.

    Attributes
    ----------
    schedule : Schedule
        Step counts; must have as many levels as the hierarchy.
    line_search : LineSearch
        Judges every correction on the level's own objective, coupling included.  Whatever it says,
        a correction that is not finite or no descent direction is never taken.  (A trust region
        asks for no descent direction: it knows where the correction ends.)
    shape : "V", "W" or "F"
        How the coarse problem of a level is treated before its solution is used: by one visit (V),
        by two in turn (W), or by an F visit and then a V visit (F).  The coarsest level is always
        visited once.
    coupling : Coupling
        What makes a coarse objective a surrogate of the finer one.
    state : "reset", "keep", "transfer" or "down"
        What becomes of the state of a coarse level's optimiser between visits; see
        :data:`~mgres.mgopt.cycles.state.StatePolicy`.
    skip_below : float
        The number kappa: a coarse visit is skipped if |R g| < kappa |g| in the dual norms of the
        two levels' metrics, because then what is left of the gradient is not smooth (Gratton,
        Sartenaer and Toint 2008 have the test for their recursion).  If M_c = P' M P, as in
        L^2(0, T), the quotient is at most 1 on any level; in the Euclidean metric that bound is
        |P|.  0 never skips.
    stop : StoppingRule, or sequence of one or None for every level, or None
        Ends a smoothing before its step count is reached, asked anew before and after the
        correction; a sequence begins with the finest level.
    trust : TrustRegion or None
        Confines coarse visits and judges their corrections, in place of the line search.
    verify : VerifiedOn or None
        Has to agree to what the line search or the trust region has decided on the finest level.
    """

    schedule: Schedule
    line_search: LineSearch = field(default_factory=FixedStep)
    _: KW_ONLY
    shape: Shape = "V"
    coupling: Coupling = field(default_factory=FirstOrder)
    state: StatePolicy = "reset"
    skip_below: float = 0.0
    stop: StoppingRule | Sequence[StoppingRule | None] | None = None
    trust: TrustRegion | None = None
    verify: VerifiedOn | None = None

    def __post_init__(self) -> None:
        check_shape(self.shape)
        check_state_policy(self.state)
        if not 0 <= number_of(self.skip_below) < math.inf:
            raise ValueError(f"skip_below: expected a number from 0, got {self.skip_below!r}")
        if self.trust is not None and self.line_search != FixedStep():
            raise ValueError(
                "line_search: a trust region takes its place, expected none beside it; for one "
                f"after a bad ratio see TrustRegion.otherwise; got {self.line_search}"
            )
        if isinstance(self.stop, Sequence) and len(self.stop) != len(self.schedule):
            raise ValueError(f"stop: expected {len(self.schedule)} rules, got {len(self.stop)}")

    def levels(self) -> int:
        """Return how many levels a hierarchy must have: those of the schedule."""
        return len(self.schedule)

    def work_units(self, costs: Sequence[float] | None = None) -> float:
        """Return what a cycle costs at most, line searches aside; see :meth:`Schedule.work_units`.

        It costs less where a gradient is known, as after a rejected correction.
        """
        return self.schedule.work_units(costs, shape=self.shape)

    def init(self, hierarchy: Hierarchy, x: Vector) -> CycleState:
        """Return the state for cycles on `hierarchy` started at points like `x`.

        Raises
        ------
        ValueError
            If `x`, the schedule or the objective to verify on does not fit the hierarchy.
        """
        check_fit(self.schedule, self.verify, hierarchy)
        return CycleState.make(hierarchy, x, self.trust.radius if self.trust else math.inf)

    def step(self, hierarchy: Hierarchy, x: Vector, state: CycleState) -> CycleReport:
        """Run one cycle; `x` is changed in place."""
        work_before = hierarchy.work.total
        state.start()
        self._visit(hierarchy, 0, self.shape, state.levels[0].objective, x, state)
        return state.report(hierarchy, x, work_before)

    def _visit(
        self,
        hierarchy: Hierarchy,
        l: int,
        shape: Shape,
        f: Objective,
        x: Vector,
        state: CycleState,
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
        if fine.is_over:
            return
        fx = f.value_and_grad(x, fine.gradient)
        state.note_value(l, fx)
        transfer.restrict(fine.gradient, coarse.restricted)
        if self._is_worth_a_visit(hierarchy, l, state):
            transfer.project(x, coarse.origin)
            agree(coarse.objective, fine.objective)
            h = self.coupling.surrogate(f, coarse.objective, x, coarse.origin, coarse.restricted)

            # 2. recursion
            np.copyto(coarse.point, coarse.origin)
            start_visit(self.state, hierarchy, l, state)
            self._guard.confine(hierarchy, l, x, state)
            for inner in self.schedule.inner_visits(l, shape):
                self._visit(hierarchy, l + 1, inner, h, coarse.point, state)

            # 3. upward phase
            agree(coarse.objective, fine.objective)
            report = self._correct(hierarchy, l, f, x, fx, h, state)
            state.reports.append(report)
            will_step = steps.post > 0 and not fine.is_over
            learn_from_visit(self.state, hierarchy, l, state, f, x, report.alpha, will_step)
        self._smooth(hierarchy, l, f, x, state, steps.post)

    def _smooth(
        self, hierarchy: Hierarchy, l: int, f: Objective, x: Vector, state: CycleState, steps: int
    ) -> None:
        """Take at most `steps` steps, fewer by the stopping rule or at the end of the ball."""
        level, own = hierarchy[l], state.levels[l]
        rule = self.stop[l] if isinstance(self.stop, Sequence) else self.stop
        asked = None if rule is None else rule.init()
        norm = math.nan
        for _ in range(steps):
            if own.is_over:
                return
            if l > 0:
                draw(own.objective)
            if rule is not None:  # the gradient is the step's own and evaluated once
                f.value_and_grad(x, own.gradient)
                norm = level.metric.dual_norm(own.gradient)
            before = x.copy() if own.ball is not None else x
            fx = level.optimizer.step(f, x, own.optimizer)
            state.note_value(l, fx)
            if own.ball is not None:
                own.ball.confine(before, x)
            if rule is not None and rule.met(asked, fx, norm):
                return

    def _correct(
        self,
        hierarchy: Hierarchy,
        l: int,
        f: Objective,
        x: Vector,
        fx: float,
        h: Surrogate,
        state: CycleState,
    ) -> CorrectionReport:
        """Prolong the coarse change and add it, if it is fit to be added."""
        level, fine, coarse = hierarchy[l], state.levels[l], state.levels[l + 1]
        d = fine.correction
        assert level.transfer is not None

        e = coarse.point - coarse.origin
        level.transfer.prolong(e, d)
        share = 1.0 if fine.ball is None else fine.ball.share(x, d)
        if share < 1:
            d *= share
            e *= share
        slope = _core.dot(fine.gradient, d)
        step_follows = share == 1 and self.schedule.levels[l].post > 0
        trial = Trial(f, x, d, fx, slope, level.metric.norm(d), share, step_follows)
        verdict = self._guard.judge(hierarchy, l, trial, h, e, state)
        if verdict.step.accepted:
            _core.axpy(verdict.step.alpha, d, x)
            if fine.ball is not None:
                fine.ball.left = share < 1

        gradient_norm = level.metric.dual_norm(fine.gradient)
        coupling = relative_coupling(h, coarse.restricted, hierarchy[l + 1].metric)
        return verdict.report(l, trial, gradient_norm, coupling)

    @property
    def _guard(self) -> Guard:
        return Guard(self.line_search, self.trust, self.verify)

    def _is_worth_a_visit(self, hierarchy: Hierarchy, l: int, state: CycleState) -> bool:
        if self.skip_below == 0:
            return True
        restricted = hierarchy[l + 1].metric.dual_norm(state.levels[l + 1].restricted)
        if restricted < self.skip_below * hierarchy[l].metric.dual_norm(state.levels[l].gradient):
            state.skipped.append(l)
            return False
        return True


@dataclass(frozen=True)
class VCycle(Cycle):
    """A :class:`Cycle` that visits every level once: the paper's."""

    shape: Shape = field(default="V", init=False)


@dataclass(frozen=True)
class WCycle(Cycle):
    """A :class:`Cycle` that visits every level but the coarsest twice as often as the finer one."""

    shape: Shape = field(default="W", init=False)


@dataclass(frozen=True)
class FCycle(Cycle):
    """A :class:`Cycle` that visits level l, but for the coarsest, l + 1 times."""

    shape: Shape = field(default="F", init=False)
