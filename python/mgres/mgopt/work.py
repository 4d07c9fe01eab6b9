"""Work units: what a computation cost, counted where it happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .objective import Objective, Vector, revision, twice_differentiable

VALUE_SHARE = 1 / 3
"""Cost of a value over that of a gradient: of three equal sweeps, only the forward one."""

GAUSS_NEWTON_SHARE = 5 / 3
"""Cost of a Gauss-Newton product: states, their tangents (two products a layer), adjoint, dW."""

HESSIAN_SHARE = 8 / 3
"""Cost of a Hessian product: the tangents of the adjoint and of dW take two products each."""

KINDS = ("gradients", "values", "gauss_newton_products", "hessian_products")


class WorkUnits:
    """Counts evaluations per level.

    One work unit is one gradient of the finest objective.

    Parameters
    ----------
    costs : sequence of float
        What one gradient of each level costs in work units, finest (1.0) first.
    """

    def __init__(self, costs: Sequence[float]) -> None:
        self._costs = tuple(costs)
        self.gradients = [0] * len(costs)
        self.values = [0] * len(costs)
        self.gauss_newton_products = [0] * len(costs)
        self.hessian_products = [0] * len(costs)

    @property
    def costs(self) -> tuple[float, ...]:
        """What one gradient of each level costs."""
        return self._costs

    @property
    def per_level(self) -> list[float]:
        """Work units spent on each level, finest first."""
        return [
            cost
            * (
                self.gradients[l]
                + VALUE_SHARE * self.values[l]
                + GAUSS_NEWTON_SHARE * self.gauss_newton_products[l]
                + HESSIAN_SHARE * self.hessian_products[l]
            )
            for l, cost in enumerate(self._costs)
        ]

    @property
    def total(self) -> float:
        """Work units spent on all levels."""
        return sum(self.per_level)

    @property
    def counts(self) -> dict[str, list[int]]:
        """How often each kind of evaluation was asked for on each level."""
        return {name: [*getattr(self, name)] for name in KINDS}

    def restore(self, counts: Mapping[str, Sequence[int]]) -> None:
        """Set all counts to those of another ledger.

        Raises
        ------
        ValueError
            If that ledger is one of another number of levels.
        """
        for name in KINDS:
            if len(counts[name]) != len(self._costs):
                raise ValueError(
                    f"counts: expected {len(self._costs)} levels, got {len(counts[name])}"
                )
        for name in KINDS:
            getattr(self, name)[:] = counts[name]

    def __repr__(self) -> str:
        return f"WorkUnits(total={self.total:g})"


class Counted:
    """An objective that enters its evaluations in a :class:`WorkUnits` ledger.

    A hierarchy wraps each of its objectives in one, so that smoothing, coupling and line search
    cannot evaluate uncounted.

    Parameters
    ----------
    objective : Objective
        What is evaluated; available as the attribute of this name.
    work : WorkUnits
        The ledger.
    level : int
        The entry of the ledger, 0 for the finest level.
    """

    def __init__(self, objective: Objective, work: WorkUnits, level: int) -> None:
        self.objective = objective
        self._work = work
        self._level = level

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

    def alike(self, objective: Objective) -> Counted:
        """Return `objective` with its evaluations entered in the same place."""
        return Counted(objective, self._work, self._level)

    def count_value(self) -> None:
        """Count what costs as much as a value."""
        self._work.values[self._level] += 1

    def value(self, x: Vector) -> float:
        """Return f(x) and count a value."""
        self.count_value()
        return self.objective.value(x)

    def value_and_grad(self, x: Vector, out: Vector) -> float:
        """Write f'(x) to `out`, return f(x) and count a gradient."""
        self._work.gradients[self._level] += 1
        return self.objective.value_and_grad(x, out)

    def hessian_product(self, x: Vector, v: Vector, out: Vector) -> None:
        """Write f''(x) `v` to `out` and count it."""
        self._work.hessian_products[self._level] += 1
        twice_differentiable(self.objective).hessian_product(x, v, out)

    def gauss_newton_product(self, x: Vector, v: Vector, out: Vector) -> None:
        """Write G(x) `v` to `out` and count it."""
        self._work.gauss_newton_products[self._level] += 1
        twice_differentiable(self.objective).gauss_newton_product(x, v, out)
