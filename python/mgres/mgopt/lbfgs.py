"""L-BFGS in the level's metric, with a memory that can be carried between levels."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from .. import _core
from .carry import Carrier
from .metric import Metric
from .objective import Objective, Vector


@dataclass(frozen=True)
class Pair:
    """A step s and the change y of the derivative along it, with <s, y> > 0."""

    s: Vector
    y: Vector
    curvature: float
    """<s, y>"""


@dataclass
class LBFGSState:
    """Pairs, oldest first, and scratch of :class:`LBFGS`."""

    metric: Metric
    pairs: deque[Pair]
    gradient: Vector
    direction: Vector
    trial: Vector
    trial_gradient: Vector
    learnt: int = 0
    """How many of the pairs were added since the state was made."""
    rejected: int = 0
    """Line searches that found no decrease."""
    moved: float = field(default=math.inf)
    """max |x - previous x| of the last step, 0 if it was rejected."""


@dataclass(frozen=True)
class LBFGS:
    r"""Limited-memory BFGS with backtracking; no learning rate.

    The direction is :math:`d = -H f'(x)`, where H satisfies the secant equation H y = s for the
    last pairs and is otherwise :math:`\gamma M^{-1}`, M being the level's metric and, of the newest
    pair,

    .. math:: \gamma = \langle s, y \rangle / \langle y, M^{-1} y \rangle .

    Two loops over the pairs compute it (J. Nocedal and S. Wright, Numerical Optimization, 2nd
    edition, algorithms 7.4 and 7.5).  Steps t d are tried from t = 1, each time at the minimum of
    the parabola through what is known, until

    .. math:: f(x + t d) \le f(x) + c_1 t \langle f'(x), d \rangle .

    Every trial evaluates the gradient, which is the next step's if the trial is accepted.  Without
    pairs the direction is the steepest descent in the metric, and no component moves by more than
    `first_move`.

    Attributes
    ----------
    memory : int
        The largest number of pairs.
    c1 : float
        The share of the predicted decrease that must be obtained, in (0, 1).
    first_move : float
        The largest change of a parameter in a step without pairs.
    max_trials : int
        Trials of a line search; if none is acceptable, the pairs are forgotten, and if there are
        none, the step is not taken.
    """

    memory: int = 30
    c1: float = 1e-4
    first_move: float = 0.1
    max_trials: int = 12

    def __post_init__(self) -> None:
        for name in ("memory", "max_trials"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}: expected an integer from 1, got {value!r}")
        if not 0 < self.c1 < 1:
            raise ValueError(f"c1: expected a number in (0, 1), got {self.c1}")
        if not (self.first_move > 0 and math.isfinite(self.first_move)):
            raise ValueError(f"first_move: expected a positive number, got {self.first_move}")

    def init(self, x: Vector, metric: Metric) -> LBFGSState:
        """Return a state without pairs."""
        gradient, direction, trial, trial_gradient = (np.empty_like(x) for _ in range(4))
        pairs: deque[Pair] = deque(maxlen=self.memory)
        return LBFGSState(metric, pairs, gradient, direction, trial, trial_gradient)

    def step(self, f: Objective, x: Vector, state: LBFGSState) -> float:
        """Take one step; `x` stays as it is, bit for bit, if no trial was acceptable."""
        fx = f.value_and_grad(x, state.gradient)
        self._set_direction(state)
        slope = _core.dot(state.gradient, state.direction)
        if not -math.inf < slope < 0:
            state.pairs.clear()
            self._set_direction(state)
            slope = _core.dot(state.gradient, state.direction)
        if not -math.inf < slope < 0 or not self._search(f, x, fx, slope, state):
            state.pairs.clear()
            state.rejected += 1
            state.moved = 0.0
            return fx
        s = state.trial - x
        state.moved = float(np.max(np.abs(s)))
        y = state.trial_gradient - state.gradient
        np.copyto(x, state.trial)
        self.learn(s, y, state)
        return fx

    def _set_direction(self, state: LBFGSState) -> None:
        """Write -H f'(x) to `direction`, by the two loops."""
        d = state.direction
        np.negative(state.gradient, out=d)
        coefficients = []
        for pair in reversed(state.pairs):
            alpha = _core.dot(pair.s, d) / pair.curvature
            _core.axpy(-alpha, pair.y, d)
            coefficients.append(alpha)
        if state.pairs:
            newest = state.pairs[-1]
            gamma = newest.curvature / state.metric.dual_norm(newest.y) ** 2
        state.metric.to_primal(d, d)
        d *= gamma if state.pairs else self._first_scale(d)
        for pair, alpha in zip(state.pairs, reversed(coefficients), strict=True):
            beta = _core.dot(pair.y, d) / pair.curvature
            _core.axpy(alpha - beta, pair.s, d)

    def _first_scale(self, d: Vector) -> float:
        largest = float(np.max(np.abs(d)))
        return min(1.0, self.first_move / largest) if largest > 0 else 1.0

    def _search(self, f: Objective, x: Vector, fx: float, slope: float, state: LBFGSState) -> bool:
        """Find an acceptable trial point; its gradient is in `trial_gradient` then."""
        t = 1.0
        for _ in range(self.max_trials):
            np.copyto(state.trial, x)
            _core.axpy(t, state.direction, state.trial)
            with np.errstate(over="ignore", invalid="ignore"):
                value = f.value_and_grad(state.trial, state.trial_gradient)
            if math.isfinite(value) and value <= fx + self.c1 * t * slope:
                return True
            t *= _shrink(t, value - fx, slope)
        return False

    def learn(self, s: Vector, y: Vector, state: LBFGSState) -> None:
        """Add the pair of a step s and the change y of the derivative along it, if <s, y> > 0."""
        curvature = _core.dot(s, y)
        if curvature > 0 and math.isfinite(state.metric.dual_norm(y)):
            state.pairs.append(Pair(s, y, curvature))
            state.learnt += 1

    def carry_down(self, fine: LBFGSState, carrier: Carrier) -> LBFGSState:
        """Return a state with the pairs of `fine`: Pi s, R y."""
        coarse = self.init(
            np.empty(carrier.coarse_size, fine.gradient.dtype), carrier.coarse_metric
        )
        for pair in fine.pairs:
            self.learn(carrier.point_down(pair.s), carrier.derivative_down(pair.y), coarse)
        coarse.learnt = 0
        return coarse

    def carry_up(self, fine: LBFGSState, coarse: LBFGSState, carrier: Carrier) -> None:
        """Add to `fine` the pairs that `coarse` has learnt: P s, lift y.

        Then <P s, lift y> = <s, R lift y> = <s, y>: the curvature along the step is kept.
        """
        new = list(coarse.pairs)[-coarse.learnt :] if coarse.learnt else []
        for pair in new:
            self.learn(carrier.point_up(pair.s), carrier.derivative_up(pair.y), fine)


def _shrink(t: float, increase: float, slope: float) -> float:
    """Return the next trial over t: the minimum of a parabola, between 1/10 and 1/2."""
    if not math.isfinite(increase):
        return 0.1
    curvature = increase - t * slope  # > 0, because the step was not acceptable
    return min(max(-t * slope / (2 * curvature), 0.1), 0.5)
