"""Gradient descent, and gradient descent with momentum."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ... import _core
from ...checks import check_number
from ..carrier import Carrier
from ..metric import Metric
from ..objective import Objective, Vector
from .learning_rate import Rate, check_rate, rate_at


@dataclass
class GradientDescentState:
    """Step count and scratch of :class:`GradientDescent`."""

    metric: Metric
    gradient: Vector
    steps: int = 0


@dataclass(frozen=True)
class GradientDescent:
    """x <- x - alpha M^-1 f'(x), algorithm 2 of the paper.

    Attributes
    ----------
    learning_rate : float or LearningRate
        The step size alpha.
    """

    learning_rate: Rate

    def __post_init__(self) -> None:
        check_rate("learning_rate", self.learning_rate)

    def init(self, x: Vector, metric: Metric) -> GradientDescentState:
        """Return the scratch for points like `x`."""
        return GradientDescentState(metric, np.empty_like(x))

    def step(self, f: Objective, x: Vector, state: GradientDescentState) -> float:
        """Take one gradient step."""
        fx = f.value_and_grad(x, state.gradient)
        state.metric.to_primal(state.gradient, state.gradient)
        _core.axpy(-rate_at(self.learning_rate, state.steps), state.gradient, x)
        state.steps += 1
        return fx

    def carry_down(self, fine: GradientDescentState, carrier: Carrier) -> GradientDescentState:
        """Return scratch with the step count of `fine`: there is nothing else to carry."""
        gradient = np.empty(carrier.coarse_size, fine.gradient.dtype)
        return GradientDescentState(carrier.coarse_metric, gradient, fine.steps)

    def carry_up(
        self, fine: GradientDescentState, coarse: GradientDescentState, carrier: Carrier
    ) -> None:
        """Take the step count of `coarse`."""
        fine.steps = coarse.steps


@dataclass
class MomentumState:
    """Velocity, step count and scratch of :class:`Momentum`."""

    metric: Metric
    gradient: Vector
    velocity: Vector
    steps: int = 0


@dataclass(frozen=True)
class Momentum:
    """Heavy-ball or Nesterov momentum.

    With g = M^-1 f'(x)::

        u <- mu u + g,    x <- x - alpha u               (heavy ball, Polyak 1964)
        u <- mu u + g,    x <- x - alpha (g + mu u)      (Nesterov, in the form of Sutskever 2013)

    Attributes
    ----------
    learning_rate : float or LearningRate
        The step size alpha.
    momentum : float
        The share mu of the velocity that is kept, in [0, 1).
    nesterov : bool
        Which of the two forms.
    """

    learning_rate: Rate
    momentum: float = 0.9
    nesterov: bool = False

    def __post_init__(self) -> None:
        check_rate("learning_rate", self.learning_rate)
        check_number("momentum", self.momentum, least=0, below=1)

    def init(self, x: Vector, metric: Metric) -> MomentumState:
        """Return a state at rest."""
        return MomentumState(metric, np.empty_like(x), np.zeros_like(x))

    def step(self, f: Objective, x: Vector, state: MomentumState) -> float:
        """Take one step."""
        fx = f.value_and_grad(x, state.gradient)
        state.metric.to_primal(state.gradient, state.gradient)
        alpha = rate_at(self.learning_rate, state.steps)
        state.velocity *= self.momentum
        state.velocity += state.gradient
        if self.nesterov:
            _core.axpy(-alpha, state.gradient, x)
            _core.axpy(-alpha * self.momentum, state.velocity, x)
        else:
            _core.axpy(-alpha, state.velocity, x)
        state.steps += 1
        return fx

    def carry_down(self, fine: MomentumState, carrier: Carrier) -> MomentumState:
        """Return a state with the step count and the velocity of `fine`, a sum of gradients."""
        velocity = carrier.gradient_down(fine.velocity)
        return MomentumState(carrier.coarse_metric, np.empty_like(velocity), velocity, fine.steps)

    def carry_up(self, fine: MomentumState, coarse: MomentumState, carrier: Carrier) -> None:
        """Take velocity and step count of `coarse`."""
        fine.velocity[:] = carrier.gradient_up(coarse.velocity)
        fine.steps = coarse.steps


@dataclass(frozen=True)
class Nesterov(Momentum):
    """Another name for :class:`Momentum` with ``nesterov=True``.

    Attributes
    ----------
    learning_rate : float or LearningRate
        The step size alpha.
    momentum : float
        The share mu of the velocity that is kept, in [0, 1).
    nesterov : bool
        True, and no argument.
    """

    nesterov: bool = field(default=True, init=False, repr=False)
