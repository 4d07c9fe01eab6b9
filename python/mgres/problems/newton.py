"""Newton's method for small model problems: the exact solve on the coarsest level."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..mgopt import Carrier, Metric, Objective, Vector


class TwiceDifferentiable(Protocol):
    """An objective that knows its second derivative."""

    def hessian(self, x: Vector) -> NDArray[np.floating[Any]]:
        """Return f''(x), shape (n, n)."""
        ...


@dataclass
class NewtonState:
    """Scratch of :class:`NewtonStep`."""

    gradient: Vector


@dataclass(frozen=True, eq=False)
class NewtonStep:
    """x <- x - f''(x)^-1 f'(x), which minimises a strictly convex quadratic in one step.

    The gradient is that of the function to be minimised, the second derivative that of
    `objective`, the level's own.  The two belong together because the coupling of MG/OPT is linear
    and has no second derivative.  The direction is the same in every metric.

    Attributes
    ----------
    objective : TwiceDifferentiable
        The objective of the level, without coupling.
    """

    objective: TwiceDifferentiable = field(repr=False)

    def init(self, x: Vector, metric: Metric) -> NewtonState:
        """Return the scratch for points like `x`."""
        return NewtonState(np.empty_like(x))

    def step(self, f: Objective, x: Vector, state: NewtonState) -> float:
        """Take one step; raise ``numpy.linalg.LinAlgError`` if the Hessian is singular."""
        fx = f.value_and_grad(x, state.gradient)
        x -= np.linalg.solve(self.objective.hessian(x), state.gradient)
        return fx

    def carry_down(self, fine: NewtonState, carrier: Carrier) -> NewtonState:
        """Return fresh scratch: there is nothing to carry."""
        return NewtonState(np.empty(carrier.coarse_size, fine.gradient.dtype))

    def carry_up(self, fine: NewtonState, coarse: NewtonState, carrier: Carrier) -> None:
        """Do nothing: there is nothing to carry."""
