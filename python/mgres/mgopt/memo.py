"""An objective that remembers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .metric import Metric
from .objective import Objective, Vector, revision, twice_differentiable


class Memo:
    """An objective that remembers its last gradient: asking again at the same point costs nothing.

    Optimisers that know the gradient at the point where they end, such as L-BFGS, so need not hand
    it on, and a cycle need not know which ones do.

    Parameters
    ----------
    objective : Objective
        What is evaluated; available as the attribute of this name.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self._point = np.empty(objective.size, objective.dtype)
        self._gradient = np.empty_like(self._point)
        self._value = 0.0
        self._revision: int | None = None

    @property
    def size(self) -> int:
        """The dimension of the space."""
        return self.objective.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The floating-point type of points and gradients."""
        return self.objective.dtype

    @property
    def revision(self) -> int:
        """Changes when the function does."""
        return revision(self.objective)

    def knows(self, x: Vector) -> bool:
        """Return whether value and gradient at `x` cost nothing."""
        return self._revision == self.revision and np.array_equal(x, self._point)

    def gradient_norm(self, metric: Metric) -> float:
        """Return the norm of the last gradient, NaN if there was none."""
        return math.nan if self._revision is None else metric.dual_norm(self._gradient)

    def value(self, x: Vector) -> float:
        """Return f(x)."""
        return self._value if self.knows(x) else self.objective.value(x)

    def value_and_grad(self, x: Vector, out: Vector) -> float:
        """Write f'(x) to `out` and return f(x)."""
        if not self.knows(x):
            self._revision = None  # in case the evaluation is interrupted
            self._value = self.objective.value_and_grad(x, self._gradient)
            np.copyto(self._point, x)
            self._revision = self.revision
        np.copyto(out, self._gradient)
        return self._value

    def hessian_product(self, x: Vector, v: Vector, out: Vector) -> None:
        """Write f''(x) `v` to `out`."""
        twice_differentiable(self.objective).hessian_product(x, v, out)

    def gauss_newton_product(self, x: Vector, v: Vector, out: Vector) -> None:
        """Write G(x) `v` to `out`."""
        twice_differentiable(self.objective).gauss_newton_product(x, v, out)
