"""L-BFGS in the level's metric, with a memory that can be carried between levels."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from ... import _core
from ...checks import check_integer, check_number
from ...floats import quiet
from ..carrier import Carrier
from ..metric import Metric
from ..objective import Objective, Vector


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
    slope: float = 0.0
    """<f'(x), direction>"""
    learnt: int = 0
    """How many of the newest pairs a finer level does not know yet."""
    rejected: int = 0
    """Steps that were not taken."""
    trials: int = 0
    """Points that the last step tried."""
    moved: float = math.inf
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

    Every trial evaluates the gradient, which is the next step's if the trial is accepted; asked for
    by way of :class:`Memo` it costs nothing then.  A trial whose value or gradient is not finite is
    not acceptable.  Without pairs the direction is the steepest descent in the metric, and no
    component moves by more than `first_move`.

    Pairs count only if :math:`\langle s, y \rangle > \varepsilon \|s\|_M \|y\|_{M^{-1}}`, where
    :math:`\varepsilon` is the rounding unit of the dtype: a smaller product is noise, and with it H
    would be.

    Attributes
    ----------
    memory : int
        The largest number of pairs.
    c1 : float
        The share of the predicted decrease that must be obtained, in (0, 1).
    first_move : float
        The largest change of a parameter in a step without pairs.
    max_trials : int
        Trials of a line search.  If none is acceptable, the step is not taken and the pairs are
        forgotten, so that the next step is one of steepest descent.
    """

    memory: int = 30
    c1: float = 1e-4
    first_move: float = 0.1
    max_trials: int = 12

    def __post_init__(self) -> None:
        object.__setattr__(self, "memory", check_integer("memory", self.memory))
        check_number("c1", self.c1, above=0, below=1)
        check_number("first_move", self.first_move, above=0)
        object.__setattr__(self, "max_trials", check_integer("max_trials", self.max_trials))

    def init(self, x: Vector, metric: Metric) -> LBFGSState:
        """Return a state without pairs."""
        gradient, direction, trial, trial_gradient = (np.empty_like(x) for _ in range(4))
        pairs: deque[Pair] = deque(maxlen=self.memory)
        return LBFGSState(metric, pairs, gradient, direction, trial, trial_gradient)

    def step(self, f: Objective, x: Vector, state: LBFGSState) -> float:
        """Take one step; `x` stays as it is, bit for bit, if no trial was acceptable."""
        state.trials = 0
        fx = f.value_and_grad(x, state.gradient)
        if not self._descends(fx, state):
            return _reject(fx, state)
        if not self._search(f, x, fx, state):
            state.pairs.clear()
            return _reject(fx, state)
        s, y = state.trial - x, state.trial_gradient - state.gradient
        state.moved = float(np.max(np.abs(s)))
        np.copyto(x, state.trial)
        self.learn(s, y, state)
        return fx

    def _descends(self, fx: float, state: LBFGSState) -> bool:
        """Set direction and slope; return whether there is a descent to search along."""
        if not (math.isfinite(fx) and 0 < _core.dot(state.gradient, state.gradient) < math.inf):
            return False
        self._set_direction(state)
        if not -math.inf < state.slope < 0 and state.pairs:
            state.pairs.clear()
            self._set_direction(state)
        return -math.inf < state.slope < 0

    @quiet("over", "invalid")
    def _set_direction(self, state: LBFGSState) -> None:
        """Write -H f'(x) to `direction`, by the two loops, and <f'(x), direction> to `slope`."""
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
        state.slope = _core.dot(state.gradient, d)

    def _first_scale(self, d: Vector) -> float:
        largest = float(np.max(np.abs(d)))
        return min(1.0, self.first_move / largest) if largest > 0 else 1.0  # 0 by underflow

    def _search(self, f: Objective, x: Vector, fx: float, state: LBFGSState) -> bool:
        """Find an acceptable trial point; its gradient is in `trial_gradient` then."""
        t = 1.0
        for state.trials in range(1, self.max_trials + 1):
            np.copyto(state.trial, x)
            _core.axpy(t, state.direction, state.trial)
            if np.array_equal(state.trial, x):
                return False  # shorter steps are lost in rounding
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                value = f.value_and_grad(state.trial, state.trial_gradient)
            # 0 * nan is nan: the product is finite only if every component of the gradient is
            if not math.isfinite(value + _core.dot(state.trial_gradient, state.direction)):
                value = math.inf
            if value <= fx + self.c1 * t * state.slope:
                return True
            t *= _shrink(t, value - fx, state.slope)
        return False

    @quiet("over", "invalid")
    def learn(self, s: Vector, y: Vector, state: LBFGSState) -> None:
        """Add the pair of a step s and the change y of the derivative along it, if it counts."""
        curvature = _core.dot(s, y)
        noise = np.finfo(s.dtype).eps * state.metric.norm(s) * state.metric.dual_norm(y)
        if curvature > noise:  # False if one of them is nan
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
        """Add to `fine` the pairs that it does not know yet: P s, lift y.

        Then <P s, lift y> = <s, R lift y> = <s, y>: the curvature along the step is kept.
        """
        new = list(coarse.pairs)[-coarse.learnt :] if coarse.learnt else []
        coarse.learnt = 0
        for pair in new:
            self.learn(carrier.point_up(pair.s), carrier.derivative_up(pair.y), fine)


def _reject(fx: float, state: LBFGSState) -> float:
    state.rejected += 1
    state.moved = 0.0
    return fx


def _shrink(t: float, increase: float, slope: float) -> float:
    """Return the next trial over t: the minimum of a parabola, between 1/10 and 1/2."""
    if not math.isfinite(increase):
        return 0.1
    curvature = increase - t * slope  # > 0, because the step was not acceptable
    return min(max(-t * slope / (2 * curvature), 0.1), 0.5)
