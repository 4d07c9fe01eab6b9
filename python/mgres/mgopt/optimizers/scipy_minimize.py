"""The methods of SciPy as level optimisers."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...checks import check_integer
from ..carrier import Carrier
from ..metric import Diagonal, Euclidean, Metric
from ..objective import Objective, Vector, twice_differentiable

WITHOUT_GRADIENT = ("Nelder-Mead", "Powell", "COBYLA", "COBYQA")
WITH_GRADIENT = ("CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP", "trust-constr")
WITH_HESSIAN = ("Newton-CG", "trust-ncg", "trust-krylov")
METHODS = WITHOUT_GRADIENT + WITH_GRADIENT + WITH_HESSIAN
LIMITS = {"TNC": "maxfun"}
"""What a method calls the limit of its iterations, if not ``maxiter``."""

DIFFERENCES = {"TNC": "accuracy"}
"""What a method that takes differences of gradients calls their relative step."""


@dataclass
class SciPyMinimizeState:
    """The scale of the variables and scratch of :class:`SciPyMinimize`."""

    scale: Vector | float
    """M^(1/2), in double precision."""
    gradient: Vector
    rejected: int = 0
    """Steps that were not taken."""


@dataclass(frozen=True, init=False)
class SciPyMinimize:
    """One of the methods of ``scipy.optimize.minimize``, started afresh at every step.

    A step runs up to `iterations` iterations from x, in double precision whatever the level's dtype
    and in the variables M^(1/2) x, in which the level's metric M is Euclidean.  It ends at the best
    point at which the method evaluated the objective; if none is better than x, the step is not
    taken.  The method evaluates the level's objective itself, so all
    it asks for is counted: values if it works without derivatives, else gradients, and Hessian
    products for Newton-CG, trust-ncg and trust-krylov.  What it learnt is forgotten at the end of
    the step: prefer few steps with many iterations.  TNC takes differences of gradients over a step
    of relative size sqrt(eps), eps being the rounding unit of the level's dtype.

    Parameters
    ----------
    method : str
        "Nelder-Mead", "Powell", "COBYLA", "COBYQA" (without derivatives); "CG", "BFGS", "L-BFGS-B",
        "TNC", "SLSQP", "trust-constr" (with gradients); "Newton-CG", "trust-ncg", "trust-krylov"
        (with Hessian products, which the objective must have).
    iterations : int
        The limit of a step, in what the method counts: iterations for most, evaluations for TNC,
        COBYLA and COBYQA.
    options
        Further options of the method, such as ``gtol=1e-8``.

    Raises
    ------
    ValueError
        If the method is unknown or needs Hessian matrices (dogleg, trust-exact), `iterations` is
        not an integer from 1, or, at a step, if the method does not know an option.
    ImportError
        If SciPy is missing.

    Examples
    --------
    >>> print(SciPyMinimize("CG", iterations=20, gtol=1e-8))
    SciPyMinimize('CG', iterations=20, gtol=1e-08)
    """

    method: str
    iterations: int
    options: Mapping[str, Any] = field(hash=False)

    def __init__(self, method: str, iterations: int = 10, **options: Any) -> None:
        if method not in METHODS:
            raise ValueError(f"method: expected one of {METHODS}, got {method!r}")
        check_integer("iterations", iterations)
        limit = LIMITS.get(method, "maxiter")
        if limit in options:
            raise ValueError(f"{limit}: expected as `iterations`, got {options[limit]!r}")
        _scipy_optimize()
        object.__setattr__(self, "method", method)
        object.__setattr__(self, "iterations", iterations)
        object.__setattr__(self, "options", options)

    def __repr__(self) -> str:
        further = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"SciPyMinimize({self.method!r}, iterations={self.iterations}{further})"

    def init(self, x: Vector, metric: Metric) -> SciPyMinimizeState:
        """Return the scratch for points like `x`.

        Raises
        ------
        TypeError
            If the metric is neither :class:`Euclidean` nor :class:`Diagonal`.
        """
        if isinstance(metric, Diagonal):
            scale: Vector | float = np.sqrt(metric.weights.astype(np.float64))
        elif isinstance(metric, Euclidean):
            scale = 1.0
        else:
            raise TypeError(f"metric: expected Euclidean or Diagonal, got {type(metric).__name__}")
        return SciPyMinimizeState(scale, np.empty_like(x))

    def step(self, f: Objective, x: Vector, state: SciPyMinimizeState) -> float:
        """Run the method from `x`, which stays as it is, bit for bit, if it did not help.

        Raises
        ------
        ImportError
            If SciPy is missing.
        TypeError
            If the method asks for second derivatives that `f` does not have.
        ValueError
            If the method does not know one of the options.
        """
        problem = _Problem(f, x, state)
        arguments: dict[str, Any] = {"fun": problem.value}
        if self.method not in WITHOUT_GRADIENT:
            arguments = {"fun": problem.value_and_grad, "jac": True}
        if self.method in WITH_HESSIAN:
            twice_differentiable(f)
            arguments["hessp"] = problem.hessian_product
        defaults: dict[str, Any] = {LIMITS.get(self.method, "maxiter"): self.iterations}
        if self.method in DIFFERENCES:
            # by default chosen for gradients in double precision; of gradients in single precision
            # differences over so short a step would be noise
            defaults[DIFFERENCES[self.method]] = math.sqrt(np.finfo(x.dtype).eps)
        optimize = _scipy_optimize()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # what a method warns of, such as a failed line search, shows in what it achieves
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", "Unknown solver options", optimize.OptimizeWarning)
            try:
                optimize.minimize(
                    x0=problem.start,
                    method=self.method,
                    options={**defaults, **self.options},
                    **arguments,
                )
            except _NothingToStartFromError:
                pass
            except optimize.OptimizeWarning as error:
                raise ValueError(f"options: {error}, of {self.method}") from error
        if problem.start_value is None:
            problem.value(problem.start)
        assert problem.start_value is not None
        if problem.best_value < problem.start_value:
            np.copyto(x, problem.best)
        else:
            state.rejected += 1
        return problem.start_value

    def carry_down(self, fine: SciPyMinimizeState, carrier: Carrier) -> SciPyMinimizeState:
        """Return fresh scratch: there is nothing to carry."""
        return self.init(np.empty(carrier.coarse_size, fine.gradient.dtype), carrier.coarse_metric)

    def carry_up(
        self, fine: SciPyMinimizeState, coarse: SciPyMinimizeState, carrier: Carrier
    ) -> None:
        """Do nothing: there is nothing to carry."""


class _NothingToStartFromError(ArithmeticError):
    """The objective is not finite at the start."""


class _Problem:
    """The objective in the variables u = M^(1/2) x, and the best point at which it was asked for.

    The start is recognised, so that rounding in M^(1/2) and its inverse does not move it.
    """

    def __init__(self, f: Objective, x: Vector, state: SciPyMinimizeState) -> None:
        self._f = f
        self._x = x.copy()
        self._scale = state.scale
        self._gradient = state.gradient
        self.start = state.scale * x.astype(np.float64)
        self.start_value: float | None = None
        self.best = self._x
        self.best_value = math.inf

    def value(self, u: Vector) -> float:
        """Return f."""
        x = self._unscaled(u)
        return self._note(x, self._f.value(x))

    def value_and_grad(self, u: Vector) -> tuple[float, Vector]:
        """Return f and its derivative with respect to u."""
        x = self._unscaled(u)
        value = self._f.value_and_grad(x, self._gradient)
        value = self._note(x, value, bool(np.all(np.isfinite(self._gradient))))
        slope = self._gradient / self._scale
        return value, slope if math.isfinite(value) else np.zeros_like(slope)

    def hessian_product(self, u: Vector, v: Vector) -> Vector:
        """Return the second derivative with respect to u times `v`."""
        out = np.empty_like(self._gradient)
        direction = (v / self._scale).astype(out.dtype)
        twice_differentiable(self._f).hessian_product(self._unscaled(u), direction, out)
        return np.asarray(out / self._scale)

    def _unscaled(self, u: Vector) -> Vector:
        if np.array_equal(u, self.start):
            return self._x
        return np.asarray((u / self._scale).astype(self._x.dtype))

    def _note(self, x: Vector, value: float, finite_gradient: bool = True) -> float:
        """Return `value`, or inf if something is not finite; remember the start and the best."""
        usable = math.isfinite(value) and finite_gradient
        if self.start_value is None and x is self._x:
            self.start_value = value
            if not usable:
                raise _NothingToStartFromError
        if not usable:
            return math.inf  # from which line searches back away, unlike nan
        if value < self.best_value:
            self.best, self.best_value = x, value
        return value


def _scipy_optimize() -> Any:
    try:
        from scipy import optimize
    except ImportError as error:
        raise ImportError('mgres.SciPyMinimize needs SciPy: pip install "mgres[scipy]"') from error
    return optimize
