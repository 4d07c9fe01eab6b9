"""What the engine minimises: functions of a flat vector."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .metric import Metric

Vector: TypeAlias = NDArray[np.floating[Any]]
"""A one-dimensional, C-contiguous array; one dtype (float32 or float64) per hierarchy."""


class Objective(Protocol):
    """A differentiable function f: R^n -> R."""

    @property
    def size(self) -> int:
        """The dimension n."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """The floating-point type of points and gradients."""
        ...

    def value(self, x: Vector) -> float:
        """Return f(x)."""
        ...

    def value_and_grad(self, x: Vector, out: Vector) -> float:
        """Write the Euclidean components of f'(x), a dual vector, to `out`; return f(x)."""
        ...


class TwiceDifferentiable(Objective, Protocol):
    """An objective that multiplies vectors by its second derivatives, without forming them."""

    def hessian_product(self, x: Vector, v: Vector, out: Vector) -> None:
        """Write f''(x) `v`, a dual vector, to `out`."""
        ...

    def gauss_newton_product(self, x: Vector, v: Vector, out: Vector) -> None:
        """Write G(x) `v` to `out`: f'' without the second derivatives of the model; G >= 0."""
        ...


def twice_differentiable(f: Objective) -> TwiceDifferentiable:
    """Return `f`, which multiplies by second derivatives.

    Raises
    ------
    TypeError
        If it does not.
    """
    if not (hasattr(f, "hessian_product") and hasattr(f, "gauss_newton_product")):
        raise TypeError(
            f"objective: expected hessian_product and gauss_newton_product, got {type(f).__name__}"
        )
    return cast(TwiceDifferentiable, f)


def revision(f: Objective) -> int:
    """Return a number that changes when `f` becomes another function, such as by a new batch."""
    return int(getattr(f, "revision", 0))


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
