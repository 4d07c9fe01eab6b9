"""The judge: what a coarse level is worth is asked of the finest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..objective import Objective, Vector
from ..work import VALUE_SHARE

FALL = 0.35
"""A level is asked about when log f has fallen by so much since the last time; by twice as much
each time that the finest objective has fallen along, up to `LARGEST_FALL`."""
LARGEST_FALL = 3.0
FOLLOWED = 0.8
"""The share of a fall that counts as falling along."""
NOTHING = 0.05
"""Changes of log f up to this are none."""

LEAST_WORK = 1.0
"""Work units between two questions, which cost a third of one each."""
MOST_WORK = 4.0
MOST_STEPS = 60
"""After so much work, or so many steps, the question is asked however little has changed."""


@dataclass
class Look:
    """A point of a level, with the level's own objective and the finest one there."""

    own: float
    finest: float
    point: Vector


@dataclass
class JudgeState:
    """What :class:`Judge` knows of the present level.

    Attributes
    ----------
    last, best : Look or None
        The latest look, and that with the smallest finest objective.
    fall : float
        How far log f has to fall before the next one.
    work, steps : float, int
        Spent since the last one.
    heard : Look or None
        The latest answer to any question, such as whether a goal holds.
    waited : float
        The work since then.
    """

    last: Look | None = None
    best: Look | None = None
    fall: float = FALL
    work: float = 0.0
    steps: int = 0
    heard: Look | None = None
    waited: float = 0.0


@dataclass(frozen=True)
class Judge:
    r"""Decides from the finest objective when a coarse level has nothing more to give.

    A coarse network can fit its own discretisation error: then its objective f_l falls, and that of
    the finest network, F at the prolonged point, does not.  So F is asked for now and then, which
    costs a value of the finest objective, and the level is left when, since the last time,

    .. math:: \log F_{before} - \log F < \frac{c_l}{c_{l-1}} (\log f_{l,before} - \log f_l) ,

    c being what a gradient costs.  The right-hand side is what the next finer level promises for
    the same work: a step there does for F about what a step here does for f_l, since L-BFGS in the
    metric of L^2(0, T) takes as many steps on all levels, and costs c_{l-1} instead of c_l.  Where
    f_l has hardly changed, F must not have risen.

    How often F is asked for follows what was learnt: when f_l has fallen by 30 %, by more and more
    while F falls along, at most every work unit and at least every four of them or 60 steps.  The
    questions do not depend on a budget, and the best answer is kept: what a larger budget hands
    back is never worse.

    Attributes
    ----------
    on : sequence of Objective
        For mini-batches, whose values cannot be compared from step to step: the objectives of all
        levels, finest first, on samples that stay the same.  Empty for the hierarchy's own.
    """

    on: Sequence[Objective] = field(default=(), repr=False)

    def init(self) -> JudgeState:
        """Return what is known when a level is entered: nothing."""
        return JudgeState()

    def is_due(self, state: JudgeState, own: float, work: float) -> bool:
        """Take note of a step that led to `own`; return whether to ask the finest level."""
        state.work += work
        state.waited += work
        state.steps += 1
        if state.work >= MOST_WORK or state.steps >= MOST_STEPS:
            return True
        has_fallen = state.last is None or _fall(state.last.own, own) >= state.fall
        return state.work >= LEAST_WORK and has_fallen

    def leaves(self, state: JudgeState, look: Look, cost_ratio: float) -> bool:
        """Take note of an answer; return whether to leave the level.

        Parameters
        ----------
        state : JudgeState
            Of the level.
        look : Look
            The answer.
        cost_ratio : float
            What a gradient costs here over what it costs on the next finer level.
        """
        before, state.last = state.last, look
        self.hear(state, look)
        state.work, state.steps = 0.0, 0
        if not math.isfinite(look.finest):
            return True
        if before is None:
            return False
        own, finest = _fall(before.own, look.own), _fall(before.finest, look.finest)
        state.fall = min(2 * state.fall, LARGEST_FALL) if finest > FOLLOWED * own else FALL
        return finest < -NOTHING if own < NOTHING else finest < cost_ratio * own

    def hear(self, state: JudgeState, look: Look) -> None:
        """Take note of an answer to a question of somebody else."""
        state.heard, state.waited = look, 0.0
        is_better = state.best is None or look.finest < state.best.finest
        if math.isfinite(look.finest) and is_better:
            state.best = look

    def expected(self, state: JudgeState, own: float) -> float:
        """Return the finest objective where the level's is `own`, by what both were last time.

        Right after an answer that is the answer itself, so that questions cost at most as much as
        the work between them.
        """
        heard = state.heard
        if heard is None:
            return own
        if state.waited < VALUE_SHARE or own >= heard.own or heard.own <= 0:
            return heard.finest
        return own * heard.finest / heard.own


def _fall(before: float, after: float) -> float:
    """Return log(before / after); for objectives that are not positive the relative change."""
    if before > 0 and after > 0:
        return math.log(before) - math.log(after)
    scale = max(abs(before), abs(after))
    return (before - after) / scale if scale > 0 else 0.0
