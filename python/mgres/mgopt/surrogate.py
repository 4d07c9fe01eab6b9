"""Objectives made of others: coarse ones that stand in for a finer one, and one for a memo."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from .objective import Objective, Vector, twice_differentiable


class Tilted:
    """The coarse surrogate of MG/OPT, an objective with a prescribed gradient at one point.

    With an objective f, a point x0 and a gradient r it is

        h(x) = f(x) - <v, x - x0>,    v = f'(x0) - r,

    so that h'(x0) = r and h(x0) = f(x0).  This is formula (9) of the paper with delta_g = -v, up to
    the constant <v, x0>, which is split off because <v, x> alone would drown small differences of
    h in rounding errors.

    Building it evaluates f and its gradient once, at x0.  The surrogate remembers both, so the
    first gradient asked for there costs nothing: this is why a V-cycle costs what formula (10)
    says.

    Parameters
    ----------
    f : Objective
        The coarse objective; available as the attribute `objective`.
    origin : Vector
        The point x0 where the coupling is built.  Kept by reference: it must not change.
    gradient : Vector
        The prescribed gradient r at `origin`: the restricted fine gradient.  Kept by reference.
    """

    def __init__(self, f: Objective, origin: Vector, gradient: Vector) -> None:
        self.objective = f
        self._origin = origin
        self._gradient = gradient
        self._scratch = np.empty_like(origin)
        self._v = np.empty_like(origin)
        self._origin_value = f.value_and_grad(origin, self._v)
        self._v -= gradient

    @property
    def size(self) -> int:
        """The dimension of the coarse space."""
        return self.objective.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The floating-point type of points and gradients."""
        return self.objective.dtype

    @property
    def v(self) -> Vector:
        """The coupling vector v = f'(x0) - r (minus the paper's delta_g)."""
        return self._v

    def value(self, x: Vector) -> float:
        """Return h(x)."""
        if np.array_equal(x, self._origin):
            return self._origin_value
        return self.objective.value(x) - self._tilt(x)

    def value_and_grad(self, x: Vector, out: Vector) -> float:
        """Write h'(x) to `out` and return h(x)."""
        if np.array_equal(x, self._origin):
            np.copyto(out, self._gradient)
            return self._origin_value
        value = self.objective.value_and_grad(x, out)
        out -= self._v
        return value - self._tilt(x)

    def hessian_product(self, x: Vector, v: Vector, out: Vector) -> None:
        """Write h''(x) `v` = f''(x) `v` to `out`: the tilt is linear."""
        twice_differentiable(self.objective).hessian_product(x, v, out)

    def gauss_newton_product(self, x: Vector, v: Vector, out: Vector) -> None:
        """Write G(x) `v` of f to `out`."""
        twice_differentiable(self.objective).gauss_newton_product(x, v, out)

    def _tilt(self, x: Vector) -> float:
        np.subtract(x, self._origin, out=self._scratch)
        return _core.dot(self._v, self._scratch)


class Untilted:
    """An objective as it is, beside the gradient r at x0 that it was expected to have.

    Parameters
    ----------
    f : Objective
        The objective; available as the attribute `objective`.
    origin : Vector
        The point x0.  Kept by reference: it must not change.
    gradient : Vector
        The gradient r; not kept.
    """

    def __init__(self, f: Objective, origin: Vector, gradient: Vector) -> None:
        self.objective = f
        self._origin = origin
        self._own_gradient = np.empty_like(origin)
        self._origin_value = f.value_and_grad(origin, self._own_gradient)
        self._v = self._own_gradient - gradient

    @property
    def size(self) -> int:
        """The dimension of the space."""
        return self.objective.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The floating-point type of points and gradients."""
        return self.objective.dtype

    @property
    def v(self) -> Vector:
        """f'(x0) - r."""
        return self._v

    def value(self, x: Vector) -> float:
        """Return f(x)."""
        if np.array_equal(x, self._origin):
            return self._origin_value
        return self.objective.value(x)

    def value_and_grad(self, x: Vector, out: Vector) -> float:
        """Write f'(x) to `out` and return f(x)."""
        if np.array_equal(x, self._origin):
            np.copyto(out, self._own_gradient)
            return self._origin_value
        return self.objective.value_and_grad(x, out)

    def hessian_product(self, x: Vector, v: Vector, out: Vector) -> None:
        """Write f''(x) `v` to `out`."""
        twice_differentiable(self.objective).hessian_product(x, v, out)

    def gauss_newton_product(self, x: Vector, v: Vector, out: Vector) -> None:
        """Write G(x) `v` to `out`."""
        twice_differentiable(self.objective).gauss_newton_product(x, v, out)


class WithGradient:
    """An objective whose values come with their gradients, for a memo inside to keep.

    Where the gradient will be asked for anyway it costs one gradient instead of a value more.

    Parameters
    ----------
    f : Objective
        The objective; available as the attribute `objective`.
    """

    def __init__(self, f: Objective) -> None:
        self.objective = f

    @property
    def size(self) -> int:
        """The dimension of the space."""
        return self.objective.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The floating-point type of points and gradients."""
        return self.objective.dtype

    def value(self, x: Vector) -> float:
        """Return f(x), having evaluated its gradient."""
        return self.objective.value_and_grad(x, np.empty_like(x))

    def value_and_grad(self, x: Vector, out: Vector) -> float:
        """Write f'(x) to `out` and return f(x)."""
        return self.objective.value_and_grad(x, out)
