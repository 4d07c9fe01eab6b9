"""What the engine minimises: functions of a flat vector."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

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
