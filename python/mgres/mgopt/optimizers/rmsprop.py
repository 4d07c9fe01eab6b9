"""RMSprop: every component of the gradient over its root mean square."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ... import _core
from ...checks import check_number
from ..carrier import Carrier
from ..metric import Metric
from ..objective import Objective, Vector
from .learning_rate import Rate, check_rate, rate_at


@dataclass
class RMSpropState:
    """Mean square, velocity, step count and scratch of :class:`RMSprop`."""

    metric: Metric
    gradient: Vector
    mean_square: Vector
    velocity: Vector
    scratch: Vector
    steps: int = 0


@dataclass(frozen=True)
class RMSprop:
    """RMSprop (Tieleman and Hinton 2012, lecture 6e) on the gradient g = M^-1 f'(x).

        s <- rho s + (1 - rho) g^2,    u <- mu u + g / (sqrt(s) + epsilon),    x <- x - alpha u

    The mean square starts at 0 and its bias is not corrected, so that the first steps are up to
    (1 - rho)^(-1/2) times as long as later ones.

    Attributes
    ----------
    learning_rate : float or LearningRate
        The step size alpha.
    decay : float
        The share rho of the mean square that is kept, in [0, 1).
    momentum : float
        The share mu of the velocity that is kept, in [0, 1).
    epsilon : float
        Keeps the denominator away from zero.
    """

    learning_rate: Rate = 1e-3
    decay: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        check_rate("learning_rate", self.learning_rate)
        check_number("decay", self.decay, least=0, below=1)
        check_number("momentum", self.momentum, least=0, below=1)
        check_number("epsilon", self.epsilon, above=0)

    def init(self, x: Vector, metric: Metric) -> RMSpropState:
        """Return a state with zero mean square, at rest."""
        zero = np.zeros_like
        return RMSpropState(metric, zero(x), zero(x), zero(x), zero(x))

    def step(self, f: Objective, x: Vector, state: RMSpropState) -> float:
        """Take one step."""
        fx = f.value_and_grad(x, state.gradient)
        g, s, u, scratch = state.gradient, state.mean_square, state.velocity, state.scratch
        state.metric.to_primal(g, g)
        np.multiply(g, g, out=scratch)
        scratch *= 1 - self.decay
        s *= self.decay
        s += scratch
        np.sqrt(s, out=scratch)
        scratch += self.epsilon
        g /= scratch
        u *= self.momentum
        u += g
        _core.axpy(-rate_at(self.learning_rate, state.steps), u, x)
        state.steps += 1
        return fx

    def carry_down(self, fine: RMSpropState, carrier: Carrier) -> RMSpropState:
        """Return a state with what `fine` remembers.

        The mean square is carried as its root, a gradient; the velocity is a sum of normalised
        gradients, which are steps and are carried like differences of parameters.
        """
        state = self.init(np.empty(carrier.coarse_size, fine.gradient.dtype), carrier.coarse_metric)
        state.mean_square[:] = carrier.gradient_down(np.sqrt(fine.mean_square)) ** 2
        state.velocity[:] = carrier.point_down(fine.velocity)
        state.steps = fine.steps
        return state

    def carry_up(self, fine: RMSpropState, coarse: RMSpropState, carrier: Carrier) -> None:
        """Take mean square, velocity and step count of `coarse`."""
        fine.mean_square[:] = carrier.gradient_up(np.sqrt(coarse.mean_square)) ** 2
        fine.velocity[:] = carrier.point_up(coarse.velocity)
        fine.steps = coarse.steps
