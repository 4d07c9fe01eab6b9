"""Adam, and Adam with decoupled weight decay."""

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
class AdamState:
    """Moments, step count and scratch of :class:`Adam` and :class:`AdamW`."""

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
    learning_rate : float or LearningRate
        The step size alpha.
    beta1, beta2 : float
        Decay of the first and second moment, in [0, 1).
    epsilon : float
        Keeps the denominator away from zero.
    """

    learning_rate: Rate = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        check_rate("learning_rate", self.learning_rate)
        check_number("beta1", self.beta1, least=0, below=1)
        check_number("beta2", self.beta2, least=0, below=1)
        check_number("epsilon", self.epsilon, above=0)

    def init(self, x: Vector, metric: Metric) -> AdamState:
        """Return a state with zero moments."""
        return AdamState(metric, np.empty_like(x), np.zeros_like(x), np.zeros_like(x))

    def step(self, f: Objective, x: Vector, state: AdamState) -> float:
        """Take one step."""
        fx = f.value_and_grad(x, state.gradient)
        state.metric.to_primal(state.gradient, state.gradient)
        alpha = rate_at(self.learning_rate, state.steps)
        self._decay(alpha, x, state)
        state.steps += 1
        _core.adam(
            x,
            state.gradient,
            state.first_moment,
            state.second_moment,
            alpha,
            self.beta1,
            self.beta2,
            self.epsilon,
            state.steps,
        )
        return fx

    def _decay(self, alpha: float, x: Vector, state: AdamState) -> None:
        """Do nothing: see :class:`AdamW`."""

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


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2).

    Every step takes alpha lambda x from x beside Adam's own change; the moments do not know of it.
    Components whose derivative has always been zero, such as fixed parameters, do not decay.
    Nor does the objective: a line search on a coarse correction does not see the decay.  Where the
    minimum of a penalised objective is wanted, :class:`mgres.Tikhonov` belongs into that.

    Attributes
    ----------
    learning_rate : float or LearningRate
        The step size alpha; a schedule scales the decay, too.
    beta1, beta2 : float
        Decay of the first and second moment, in [0, 1).
    epsilon : float
        Keeps the denominator away from zero.
    weight_decay : float
        The strength lambda, at least 0.
    """

    weight_decay: float = 1e-2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("weight_decay", self.weight_decay, least=0)

    def _decay(self, alpha: float, x: Vector, state: AdamState) -> None:
        learning = (state.gradient != 0) | (state.second_moment > 0)
        np.multiply(x, 1 - alpha * self.weight_decay, out=x, where=learning)
