"""The optimisers that smooth on a level.

Each is a frozen description.  Everything that changes lives in the state made by `init`, so that
who keeps a state, and for how long, is the caller's decision and visible in its code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .. import _core
from .carry import Carrier
from .metric import Metric
from .objective import Objective, Vector


class LevelOptimizer(Protocol):
    """A descent method with explicit state."""

    def init(self, x: Vector, metric: Metric) -> Any:
        """Return a fresh state for points like `x`; it holds the metric of the level."""
        ...

    def step(self, f: Objective, x: Vector, state: Any) -> float:
        """Improve `x` in place by one step; return f(x) as it was before."""
        ...

    def carry_down(self, fine: Any, carrier: Carrier) -> Any:
        """Return the state that a coarse level starts with when it takes over from `fine`."""
        ...

    def carry_up(self, fine: Any, coarse: Any, carrier: Carrier) -> None:
        """Update the state `fine` by what `coarse` has learnt."""
        ...


def _check_positive(name: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name}: expected a positive number, got {value}")


def _check_share(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{name}: expected a number in [0, 1), got {value}")


@dataclass
class GradientDescentState:
    """Scratch of :class:`GradientDescent`."""

    metric: Metric
    gradient: Vector


@dataclass(frozen=True)
class GradientDescent:
    """x <- x - alpha M^-1 f'(x), algorithm 2 of the paper.

    Attributes
    ----------
    learning_rate : float
        The step size alpha.
    """

    learning_rate: float

    def __post_init__(self) -> None:
        _check_positive("learning_rate", self.learning_rate)

    def init(self, x: Vector, metric: Metric) -> GradientDescentState:
        """Return the scratch for points like `x`."""
        return GradientDescentState(metric, np.empty_like(x))

    def step(self, f: Objective, x: Vector, state: GradientDescentState) -> float:
        """Take one gradient step."""
        fx = f.value_and_grad(x, state.gradient)
        state.metric.to_primal(state.gradient, state.gradient)
        _core.axpy(-self.learning_rate, state.gradient, x)
        return fx

    def carry_down(self, fine: GradientDescentState, carrier: Carrier) -> GradientDescentState:
        """Return fresh scratch: there is nothing to carry."""
        return self.init(np.empty(carrier.coarse_size, fine.gradient.dtype), carrier.coarse_metric)

    def carry_up(
        self, fine: GradientDescentState, coarse: GradientDescentState, carrier: Carrier
    ) -> None:
        """Do nothing: there is nothing to carry."""


@dataclass
class MomentumState:
    """Velocity and scratch of :class:`Momentum`."""

    metric: Metric
    gradient: Vector
    velocity: Vector


@dataclass(frozen=True)
class Momentum:
    """Heavy-ball or Nesterov momentum.

    With g = M^-1 f'(x):

        u <- mu u + g,    x <- x - alpha u               (heavy ball, Polyak 1964)
        u <- mu u + g,    x <- x - alpha (g + mu u)      (Nesterov, in the form of Sutskever 2013)

    Attributes
    ----------
    learning_rate : float
        The step size alpha.
    momentum : float
        The share mu of the velocity that is kept, in [0, 1).
    nesterov : bool
        Which of the two forms.
    """

    learning_rate: float
    momentum: float = 0.9
    nesterov: bool = False

    def __post_init__(self) -> None:
        _check_positive("learning_rate", self.learning_rate)
        _check_share("momentum", self.momentum)

    def init(self, x: Vector, metric: Metric) -> MomentumState:
        """Return a state at rest."""
        return MomentumState(metric, np.empty_like(x), np.zeros_like(x))

    def step(self, f: Objective, x: Vector, state: MomentumState) -> float:
        """Take one step."""
        fx = f.value_and_grad(x, state.gradient)
        state.metric.to_primal(state.gradient, state.gradient)
        state.velocity *= self.momentum
        state.velocity += state.gradient
        if self.nesterov:
            _core.axpy(-self.learning_rate, state.gradient, x)
            _core.axpy(-self.learning_rate * self.momentum, state.velocity, x)
        else:
            _core.axpy(-self.learning_rate, state.velocity, x)
        return fx

    def carry_down(self, fine: MomentumState, carrier: Carrier) -> MomentumState:
        """Return a state with the velocity of `fine`, a mean of gradients, on the coarse level."""
        velocity = carrier.gradient_down(fine.velocity)
        return MomentumState(carrier.coarse_metric, np.empty_like(velocity), velocity)

    def carry_up(self, fine: MomentumState, coarse: MomentumState, carrier: Carrier) -> None:
        """Take the velocity of `coarse`."""
        fine.velocity[:] = carrier.gradient_up(coarse.velocity)


@dataclass
class AdamState:
    """Moments, step count and scratch of :class:`Adam`."""

    metric: Metric
    gradient: Vector
    first_moment: Vector
    second_moment: Vector
    steps: int = 0


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1) on the gradient g = M^-1 f'(x).

        m <- beta1 m + (1 - beta1) g,    s <- beta2 s + (1 - beta2) g^2,
        x <- x - alpha (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + epsilon)

    Attributes
    ----------
    learning_rate : float
        The step size alpha.
    beta1, beta2 : float
        Decay of the first and second moment, in [0, 1).
    epsilon : float
        Keeps the denominator away from zero.
    """

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        _check_positive("learning_rate", self.learning_rate)
        _check_share("beta1", self.beta1)
        _check_share("beta2", self.beta2)
        _check_positive("epsilon", self.epsilon)

    def init(self, x: Vector, metric: Metric) -> AdamState:
        """Return a state with zero moments."""
        return AdamState(metric, np.empty_like(x), np.zeros_like(x), np.zeros_like(x))

    def step(self, f: Objective, x: Vector, state: AdamState) -> float:
        """Take one step."""
        fx = f.value_and_grad(x, state.gradient)
        state.metric.to_primal(state.gradient, state.gradient)
        state.steps += 1
        _core.adam(
            x,
            state.gradient,
            state.first_moment,
            state.second_moment,
            self.learning_rate,
            self.beta1,
            self.beta2,
            self.epsilon,
            state.steps,
        )
        return fx

    def carry_down(self, fine: AdamState, carrier: Carrier) -> AdamState:
        """Return a state with the moments of `fine`, as functions of t, and its step count.

        The second moment is carried as its square root, which has the units of a gradient.
        """
        first = carrier.gradient_down(fine.first_moment)
        second = carrier.gradient_down(np.sqrt(fine.second_moment)) ** 2
        return AdamState(carrier.coarse_metric, np.empty_like(first), first, second, fine.steps)

    def carry_up(self, fine: AdamState, coarse: AdamState, carrier: Carrier) -> None:
        """Take moments and step count of `coarse`."""
        fine.first_moment[:] = carrier.gradient_up(coarse.first_moment)
        fine.second_moment[:] = carrier.gradient_up(np.sqrt(coarse.second_moment)) ** 2
        fine.steps = coarse.steps
