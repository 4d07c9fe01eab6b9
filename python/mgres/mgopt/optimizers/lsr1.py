"""Limited-memory SR1 in a trust region: a quasi-Newton method that learns negative curvature."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...checks import check_integer, check_number
from ...floats import quiet
from ..carrier import Carrier
from ..metric import Metric
from ..objective import Objective, Vector
from .sr1_model import PairMemory, SR1Model


@dataclass
class LSR1State:
    """Pairs, radius and scratch of :class:`LSR1`."""

    metric: Metric
    memory: PairMemory
    gradient: Vector
    trial: Vector
    trial_gradient: Vector
    sigma: float = 1.0
    """Curvature where no pair says anything."""
    radius: float | None = None
    """Radius of the trust region in the norm of the metric; None before the first step."""
    learnt: int = 0
    """How many of the newest pairs a finer level does not know yet."""
    rejected: int = 0
    """Steps that were not taken."""
    trials: int = 0
    """Points that the last step tried."""
    moved: float = math.inf
    """max |x - previous x| of the last step, 0 if it was rejected."""


@dataclass(frozen=True)
class LSR1:
    r"""Limited-memory symmetric rank-one updates in a trust region; no learning rate.

    A step minimises the model :math:`\langle g, p \rangle + \frac12 \langle p, B p \rangle` in the
    ball :math:`\|p\|_M \le \Delta` of the level's metric, exactly, negative curvature included.  B
    satisfies the secant equation of the last pairs as far as it can, and is otherwise
    :math:`\sigma M` with, of the newest pair with <s, y> > 0,

    .. math:: \sigma = \|y\|_{M^{-1}} / \|s\|_M ,

    the geometric mean of the two curvatures of Barzilai and Borwein (Dai, Al-Baali and Yang 2015).
    On networks the larger of them, which is the scale of L-BFGS, needed more steps, and the smaller
    one failed.

    Algorithm 6.2 of J. Nocedal and S. Wright, Numerical Optimization, 2nd edition, with limited
    memory as in section 7.2.  With rho the actual over the predicted reduction, the step is taken
    if rho > `acceptance`.  A pair is learnt from every trial, taken or not.  The radius is

    - halved from the length of the step if rho < 0.1,
    - doubled if rho > 0.75 and the step was longer than 0.8 of the radius,
    - a tenth of the length of the step if value or gradient at the trial were not finite.

    Trials go on until a step is taken.  The first radius lets no component of a step along the
    gradient move by more than `first_move`.

    Attributes
    ----------
    memory : int
        The largest number of pairs.
    acceptance : float
        The share of the predicted reduction that must be obtained, in (0, 1).
    first_move : float
        The largest change of a parameter that sets the first radius.
    max_trials : int
        Trials of one step.  If none is acceptable, the step is not taken; pairs and the small
        radius remain.
    skip : float
        A pair changes B only if |<s, y - B s>| is at least this share of |s| |y - B s|, in (0, 1).
        Nocedal and Wright propose 1e-8, which lets B grow without bound as far as rounding goes;
        here B is built anew from all pairs when sigma changes, and 1e-2 needs fewer steps.
    """

    memory: int = 15
    acceptance: float = 1e-4
    first_move: float = 0.1
    max_trials: int = 12
    skip: float = 1e-2

    def __post_init__(self) -> None:
        object.__setattr__(self, "memory", check_integer("memory", self.memory))
        check_number("acceptance", self.acceptance, above=0, below=1)
        check_number("first_move", self.first_move, above=0)
        object.__setattr__(self, "max_trials", check_integer("max_trials", self.max_trials))
        check_number("skip", self.skip, above=0, below=1)

    def init(self, x: Vector, metric: Metric) -> LSR1State:
        """Return a state without pairs."""
        gradient, trial, trial_gradient = (np.empty_like(x) for _ in range(3))
        return LSR1State(metric, PairMemory(self.memory, metric), gradient, trial, trial_gradient)

    def step(self, f: Objective, x: Vector, state: LSR1State) -> float:
        """Take one step; `x` stays as it is, bit for bit, if no trial was acceptable."""
        state.trials = 0
        fx = f.value_and_grad(x, state.gradient)
        if not (math.isfinite(fx) and self._search(f, x, fx, state)):
            state.rejected += 1
            state.moved = 0.0
            return fx
        state.moved = float(np.max(np.abs(state.trial - x)))
        np.copyto(x, state.trial)
        return fx

    def _search(self, f: Objective, x: Vector, fx: float, state: LSR1State) -> bool:
        """Find an acceptable trial point."""
        gradient = _gradient(state.gradient, state.metric)
        size = state.metric.norm(gradient)
        if not 0 < size < math.inf:
            return False
        if state.radius is None:
            state.radius = self.first_move / float(np.max(np.abs(gradient))) * size
        for state.trials in range(1, self.max_trials + 1):
            model = SR1Model.build(state.memory, state.sigma, self.skip)
            p, predicted = model.minimise(gradient, state.radius)
            np.add(x, p, out=state.trial, casting="same_kind")
            if np.array_equal(state.trial, x) or not predicted < 0:
                return False  # shorter steps are lost in rounding
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                value = f.value_and_grad(state.trial, state.trial_gradient)
            length = state.metric.norm(p)
            change = _gradient(state.trial_gradient, state.metric) - gradient
            if not (math.isfinite(value) and state.metric.norm(change) < math.inf):
                state.radius = 0.1 * length
                continue
            self._keep(state.trial - x, change, state)
            ratio = (value - fx) / predicted
            if ratio < 0.1:
                state.radius = 0.5 * length
            elif ratio > 0.75 and length > 0.8 * state.radius:
                state.radius *= 2
            if ratio > self.acceptance:
                return True
        return False

    def learn(self, s: Vector, y: Vector, state: LSR1State) -> None:
        """Add the pair of a step s and the change y of the derivative along it, if it says more."""
        self._keep(s, _gradient(y, state.metric), state)

    def _keep(self, s: Vector, z: Vector, state: LSR1State) -> None:
        """Add the pair s, z = M^-1 y, and take over its curvature if that is positive."""
        memory = state.memory
        memory.append(s, z)
        size, change = (math.sqrt(a[-1, -1]) for a in (memory.ss, memory.zz))
        curvature = memory.sz[-1, -1]
        sigma = state.sigma
        if curvature > np.finfo(state.gradient.dtype).eps * size * change:
            sigma = change / size
        if SR1Model.build(memory, sigma, self.skip).used[-1]:
            memory.trim()
            state.sigma = sigma
            state.learnt += 1
        else:
            memory.remove(-1)

    def carry_down(self, fine: LSR1State, carrier: Carrier) -> LSR1State:
        """Return a state with the pairs of `fine`, Pi s and R y, and its radius."""
        coarse = self.init(
            np.empty(carrier.coarse_size, fine.gradient.dtype), carrier.coarse_metric
        )
        for s, z in zip(fine.memory.s, fine.memory.z, strict=True):
            self._keep(carrier.point_down(s), carrier.gradient_down(z), coarse)
        coarse.learnt = 0
        coarse.radius = fine.radius
        return coarse

    def carry_up(self, fine: LSR1State, coarse: LSR1State, carrier: Carrier) -> None:
        """Add to `fine` the pairs that it does not know yet: P s, lift y.

        Then <P s, lift y> = <s, R lift y> = <s, y>: the curvature along the step is kept.  The
        radius goes up to a level that has none yet.
        """
        new = min(coarse.learnt, len(coarse.memory))
        coarse.learnt = 0
        first = len(coarse.memory) - new
        for s, z in zip(coarse.memory.s[first:], coarse.memory.z[first:], strict=True):
            self._keep(carrier.point_up(s), carrier.gradient_up(z), fine)
        if fine.radius is None:
            fine.radius = coarse.radius


@quiet("over", "invalid")
def _gradient(derivative: Vector, metric: Metric) -> Vector:
    """Return M^-1 `derivative` in double precision."""
    out = derivative.astype(np.float64)
    metric.to_primal(out, out)
    return out
