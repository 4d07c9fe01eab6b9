"""Quadratic functions whose minimiser is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..mgopt import Vector


class Quadratic:
    """f(x) = 1/2 (x - c)' A (x - c) with minimiser c, where f' is zero without rounding.

    Parameters
    ----------
    matrix : array_like, shape (n, n) or (n,)
        The symmetric positive definite matrix A, or its diagonal.
    minimiser : array_like, shape (n,), optional
        The point c, 0 by default.
    dtype : dtype
        The floating-point type.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> f = Quadratic([1.0, 4.0], minimiser=[1.0, 1.0])
    >>> f.value(np.zeros(2))
    2.5
    """

    def __init__(self, matrix: Any, minimiser: Any = None, dtype: DTypeLike = np.float64) -> None:
        self.matrix: NDArray[np.floating[Any]] = np.asarray(matrix, dtype)
        n = self.matrix.shape[0] if self.matrix.ndim else 0
        if n == 0 or self.matrix.shape not in {(n,), (n, n)}:
            raise ValueError(f"matrix: expected shape (n,) or (n, n), got {self.matrix.shape}")
        self.minimiser: Vector = (
            np.zeros(n, dtype) if minimiser is None else np.asarray(minimiser, dtype)
        )
        if self.minimiser.shape != (n,):
            raise ValueError(f"minimiser: expected shape ({n},), got {self.minimiser.shape}")

    @property
    def size(self) -> int:
        """The dimension n."""
        return int(self.matrix.shape[0])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The floating-point type of points and gradients."""
        return self.matrix.dtype

    def value(self, x: Vector) -> float:
        """Return f(x)."""
        return self.value_and_grad(x, np.empty_like(x))

    def value_and_grad(self, x: Vector, out: Vector) -> float:
        """Write f'(x) = A (x - c) to `out` and return f(x)."""
        difference = x - self.minimiser
        self.hessian_product(x, difference, out)
        return float(difference @ out) / 2

    def hessian_product(self, x: Vector, v: Vector, out: Vector) -> None:
        """Write A `v` to `out`."""
        out[:] = self.matrix * v if self.matrix.ndim == 1 else self.matrix @ v

    def gauss_newton_product(self, x: Vector, v: Vector, out: Vector) -> None:
        """Write A `v` to `out`: a quadratic is its own Gauss-Newton model."""
        self.hessian_product(x, v, out)

    def hessian(self, x: Vector) -> NDArray[np.floating[Any]]:
        """Return A as a dense matrix, shape (n, n)."""
        return np.diag(self.matrix) if self.matrix.ndim == 1 else self.matrix.copy()
