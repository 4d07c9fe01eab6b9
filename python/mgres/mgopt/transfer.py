"""How vectors pass between two levels."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .objective import Vector


class Transfer(Protocol):
    """The operators between a coarse space R^m and a fine space R^n.

    Three make a cycle, because three kinds of things are moved.  A correction goes up by P.  A
    gradient is a dual vector and goes down by R = P^T, so that <R g, e> = <g, P e>.  A parameter
    vector is primal and goes down by a projection Pi with Pi P = I, or at least Pi P close to I.
    Using R for parameters sums them instead of averaging them; see ``docs/reproduction.md`` for
    what it does.

    A fourth takes derivatives from coarse to fine, for optimisers whose memory is carried along:
    it shares a coarse derivative out among the fine components that it is the sum of, R lift = I.
    """

    @property
    def fine_size(self) -> int:
        """The dimension n of the fine space."""
        ...

    @property
    def coarse_size(self) -> int:
        """The dimension m of the coarse space."""
        ...

    def prolong(self, coarse: Vector, out: Vector) -> None:
        """Write P `coarse` to `out`: corrections, coarse to fine."""
        ...

    def restrict(self, fine: Vector, out: Vector) -> None:
        """Write P^T `fine` to `out`: gradients, fine to coarse."""
        ...

    def project(self, fine: Vector, out: Vector) -> None:
        """Write Pi `fine` to `out`: parameters, fine to coarse."""
        ...

    def lift(self, coarse: Vector, out: Vector) -> None:
        """Write a fine derivative whose restriction is `coarse` to `out`: derivatives, upwards."""
        ...


class MatrixTransfer:
    """A transfer given by matrices, for model problems and experiments.

    Parameters
    ----------
    prolongation : array_like, shape (n, m)
        The matrix P.
    projection : array_like, shape (m, n), optional
        The matrix Pi.  By default the pseudo-inverse of P, for which Pi P = I.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """

    def __init__(self, prolongation: NDArray[Any], projection: NDArray[Any] | None = None) -> None:
        p = np.asarray(prolongation)
        if p.ndim != 2 or p.shape[0] < p.shape[1]:
            raise ValueError(f"prolongation: expected shape (n, m) with n >= m, got {p.shape}")
        pi = np.linalg.pinv(p) if projection is None else np.asarray(projection)
        if pi.shape != p.shape[::-1]:
            raise ValueError(f"projection: expected shape {p.shape[::-1]}, got {pi.shape}")
        self._prolongation = p
        self._projection = pi
        self._lift = np.linalg.pinv(p.T)

    @property
    def fine_size(self) -> int:
        """The dimension n of the fine space."""
        return int(self._prolongation.shape[0])

    @property
    def coarse_size(self) -> int:
        """The dimension m of the coarse space."""
        return int(self._prolongation.shape[1])

    def prolong(self, coarse: Vector, out: Vector) -> None:
        """Write P `coarse` to `out`."""
        out[:] = self._prolongation @ coarse

    def restrict(self, fine: Vector, out: Vector) -> None:
        """Write P^T `fine` to `out`."""
        out[:] = self._prolongation.T @ fine

    def project(self, fine: Vector, out: Vector) -> None:
        """Write Pi `fine` to `out`."""
        out[:] = self._projection @ fine

    def lift(self, coarse: Vector, out: Vector) -> None:
        """Write P (P^T P)^-1 `coarse` to `out`."""
        out[:] = self._lift @ coarse
