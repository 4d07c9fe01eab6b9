"""Whether a correction is taken, and how far."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ... import _core
from ..hierarchy import Hierarchy
from ..objective import Objective, Vector
from ..surrogate import WithGradient
from ..work import Counted
from .linesearch import REJECTED, LineSearch, Step
from .report import CorrectionReport
from .state import CycleState
from .trust import Ball, TrustRegion
from .verify import VerifiedOn


@dataclass(frozen=True)
class Trial:
    """A correction before it is judged.

    Attributes
    ----------
    f : Objective
        The level's objective, coupling included.
    x, d : Vector
        Where the level stands, and the correction; neither is changed.
    fx, slope, length : float
        f(x), <f'(x), d>, and the norm of d in the level's metric.
    share : float
        The share of the coarse visit's correction that is left after shortening it.
    step_follows : bool
        Whether the level's optimiser will step from x + d if it is accepted.
    """

    f: Objective
    x: Vector
    d: Vector
    fx: float
    slope: float
    length: float
    share: float = 1.0
    step_follows: bool = False

    @property
    def is_finite(self) -> bool:
        """Whether the correction and its slope are finite."""
        return math.isfinite(self.length) and math.isfinite(self.slope)

    @property
    def leads_down(self) -> bool:
        """Whether the correction is finite and a descent direction, which line searches need."""
        return self.is_finite and self.slope < 0


@dataclass(frozen=True)
class Verdict:
    """What was decided, and the figures of :class:`CorrectionReport` that led to it."""

    step: Step
    radius: float | None = None
    predicted: float | None = None
    ratio: float | None = None
    verified: bool | None = None

    def report(
        self, l: int, trial: Trial, gradient_norm: float, coupling: float
    ) -> CorrectionReport:
        """Return the report on `trial`, a correction of level `l`."""
        return CorrectionReport(
            level=l,
            value=trial.fx,
            gradient_norm=gradient_norm,
            coupling=coupling,
            slope=trial.slope,
            correction_norm=trial.length,
            alpha=self.step.alpha,
            accepted=self.step.accepted,
            evaluations=self.step.evaluations,
            radius=self.radius,
            predicted=self.predicted,
            ratio=self.ratio,
            verified=self.verified,
        )


@dataclass(frozen=True)
class Guard:
    """A line search or a trust region, and the verification of its decision.

    Attributes
    ----------
    line_search : LineSearch
        Used without a trust region.
    trust : TrustRegion or None
        Its radii are in the state of the cycle.
    verify : VerifiedOn or None
        Asked on the finest level.
    """

    line_search: LineSearch
    trust: TrustRegion | None
    verify: VerifiedOn | None

    def confine(self, hierarchy: Hierarchy, l: int, x: Vector, state: CycleState) -> None:
        """Set the ball for a visit of level `l` + 1 from x, inside what remains of l's own ball."""
        if self.trust is None:
            return
        fine, coarse = state.levels[l], state.levels[l + 1]
        radius = fine.radius if fine.ball is None else min(fine.radius, fine.ball.remaining(x))
        coarse.ball = Ball(coarse.origin, hierarchy[l + 1].metric, radius)

    def judge(
        self,
        hierarchy: Hierarchy,
        l: int,
        trial: Trial,
        h: Objective,
        e: Vector,
        state: CycleState,
    ) -> Verdict:
        """Decide on a correction P e of level `l` that the coarse objective `h` has led to."""
        if trial.length == 0:
            return Verdict(Step(alpha=0.0, accepted=True))
        if self.trust is not None:
            verdict = self._judge_ratio(self.trust, hierarchy, l, trial, h, e, state)
        elif trial.leads_down:
            step = self.line_search(trial.f, trial.x, trial.d, trial.fx, trial.slope)
            verdict = Verdict(step)
        else:
            verdict = Verdict(REJECTED)
        step = verdict.step
        if not (step.accepted and math.isfinite(step.alpha)):
            return replace(verdict, step=Step(0.0, False, step.evaluations))
        if self.verify is None or l > 0:
            return verdict
        return self._verify(self.verify, hierarchy, trial, verdict)

    def _judge_ratio(
        self,
        trust: TrustRegion,
        hierarchy: Hierarchy,
        l: int,
        trial: Trial,
        h: Objective,
        e: Vector,
        state: CycleState,
    ) -> Verdict:
        fine, coarse = state.levels[l], state.levels[l + 1]
        assert coarse.ball is not None
        step, ratio, predicted = REJECTED, None, None
        # no descent direction is asked for: a long coarse path may end lower than where it began
        # though the straight way there first leads up, and the ratio sees where it ends
        if trial.is_finite:
            # as it is where the visit ended: its gradient, and so its value, may be known
            end = coarse.origin + e if trial.share < 1 else coarse.point
            predicted = h.value(coarse.origin) - h.value(end)
            # most corrections are taken: if a step follows, its gradient comes with the value
            f = WithGradient(trial.f) if trial.step_follows else trial.f
            ratio = trust.ratio(f, trial.x, trial.d, trial.fx, predicted)
            step = self._step(trust, trial, ratio)
        length = hierarchy[l + 1].metric.norm(e)
        fine.radius = trust.next_radius(fine.radius, length, -math.inf if ratio is None else ratio)
        return Verdict(step, coarse.ball.radius, predicted, ratio)

    @staticmethod
    def _step(trust: TrustRegion, trial: Trial, ratio: float) -> Step:
        if ratio >= trust.eta1:
            return Step(1.0, accepted=True, evaluations=1)
        if trust.otherwise is None or not trial.leads_down:
            return Step(0.0, accepted=False, evaluations=1)
        step = trust.otherwise(trial.f, trial.x, trial.d, trial.fx, trial.slope)
        return replace(step, evaluations=step.evaluations + 1)

    def _verify(
        self, verify: VerifiedOn, hierarchy: Hierarchy, trial: Trial, verdict: Verdict
    ) -> Verdict:
        finest = hierarchy[0].objective
        assert isinstance(finest, Counted)
        end = trial.x.copy()
        _core.axpy(verdict.step.alpha, trial.d, end)
        if verify.allows(finest.alike(verify.objective), trial.x, end):
            return replace(verdict, verified=True)
        return replace(verdict, step=Step(0.0, False, verdict.step.evaluations), verified=False)
