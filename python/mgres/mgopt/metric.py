"""How a derivative becomes a direction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .. import _core
from .objective import Vector


class Metric(Protocol):
    """An inner product (x, y) = <M x, y> on R^n, with M symmetric positive definite.

    A derivative f'(x) is a dual vector.  The gradient, along which an optimiser may step, is its
    Riesz representative M^-1 f'(x).
    """

    def to_primal(self, dual: Vector, out: Vector) -> None:
        """Write M^-1 `dual` to `out`, which may be `dual` itself."""
        ...

    def to_dual(self, primal: Vector, out: Vector) -> None:
        """Write M `primal` to `out`, which may be `primal` itself."""
        ...

    def norm(self, primal: Vector) -> float:
        """Return sqrt(<M x, x>)."""
        ...

    def dual_norm(self, dual: Vector) -> float:
        """Return sqrt(<g, M^-1 g>)."""
        ...


@dataclass(frozen=True)
class Euclidean:
    """M = I: a derivative and its gradient have the same components."""

    def to_primal(self, dual: Vector, out: Vector) -> None:
        """Copy `dual` to `out`."""
        if out is not dual:
            np.copyto(out, dual)

    def to_dual(self, primal: Vector, out: Vector) -> None:
        """Copy `primal` to `out`."""
        self.to_primal(primal, out)

    def norm(self, primal: Vector) -> float:
        """Return the Euclidean norm."""
        return math.sqrt(_core.dot(primal, primal))

    def dual_norm(self, dual: Vector) -> float:
        """Return the Euclidean norm."""
        return self.norm(dual)


class Diagonal:
    """M = diag(w) with positive weights w.

    Discretised L^2(0, T) is of this kind: a layer of a network with step size dt weighs dt.

    Parameters
    ----------
    weights : Vector
        The diagonal w, shape (n,), positive and finite.

    Raises
    ------
    ValueError
        If the weights are not a vector of positive finite numbers.
    """

    def __init__(self, weights: Vector) -> None:
        if weights.ndim != 1:
            raise ValueError(f"weights: expected one dimension, got shape {weights.shape}")
        bad = np.flatnonzero(~((weights > 0) & np.isfinite(weights)))
        if bad.size:
            i = int(bad[0])
            raise ValueError(f"weights: expected positive finite numbers, got {weights[i]} at {i}")
        self._weights = weights
        self._inverse = 1 / weights

    @property
    def weights(self) -> Vector:
        """The diagonal w."""
        return self._weights

    def to_primal(self, dual: Vector, out: Vector) -> None:
        """Write w^-1 `dual` to `out`."""
        np.multiply(dual, self._inverse, out=out)

    def to_dual(self, primal: Vector, out: Vector) -> None:
        """Write w `primal` to `out`."""
        np.multiply(primal, self._weights, out=out)

    def norm(self, primal: Vector) -> float:
        """Return sqrt(sum w_i x_i^2)."""
        return math.sqrt(_core.dot(self._weights * primal, primal))

    def dual_norm(self, dual: Vector) -> float:
        """Return sqrt(sum g_i^2 / w_i)."""
        return math.sqrt(_core.dot(self._inverse * dual, dual))
