"""L1 penalties, whose kink at 0 is met by a proximal step instead of a derivative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ... import _core
from ..carrier import Carrier
from ..metric import Diagonal, Euclidean, Metric
from ..objective import Objective, Vector
from .learning_rate import Rate, check_rate, rate_at


class L1:
    """The penalty ``r(x) = sum_i w_i |x_i|``.

    Parameters
    ----------
    weights : Vector
        The factors w, shape (n,), finite and at least 0, of the level's dtype.

    Raises
    ------
    ValueError
        If the weights are not a vector of finite numbers from 0.
    """

    def __init__(self, weights: Vector) -> None:
        if weights.ndim != 1:
            raise ValueError(f"weights: expected one dimension, got shape {weights.shape}")
        bad = np.flatnonzero(~((weights >= 0) & np.isfinite(weights)))
        if bad.size:
            i = int(bad[0])
            raise ValueError(f"weights: expected finite numbers >= 0, got {weights[i]} at {i}")
        self._weights = weights

    @property
    def weights(self) -> Vector:
        """The factors w."""
        return self._weights

    def __repr__(self) -> str:
        used = self._weights[self._weights > 0]
        span = f"{used.min():.4g} to {used.max():.4g}" if used.size else "0"
        return f"L1(weights {span})"

    def value(self, x: Vector) -> float:
        """Return r(x)."""
        return _core.dot(self._weights, np.abs(x))

    def thresholds(self, metric: Metric) -> Vector:
        """Return M^-1 w: what a proximal step of length 1 takes from ``|x_i|``.

        Raises
        ------
        TypeError
            If the metric is neither :class:`Euclidean` nor :class:`Diagonal`, so that components
            would not separate.
        """
        if not isinstance(metric, Euclidean | Diagonal):
            raise TypeError(f"metric: expected Euclidean or Diagonal, got {type(metric).__name__}")
        out = np.empty_like(self._weights)
        metric.to_primal(self._weights, out)
        return out


@dataclass
class ProximalGradientState:
    """Step count, thresholds and scratch of :class:`ProximalGradient`."""

    metric: Metric
    gradient: Vector
    thresholds: Vector
    """M^-1 w"""
    steps: int = 0


@dataclass(frozen=True)
class ProximalGradient:
    r"""Gradient descent on f + r with an L1 penalty r that f does not contain.

    .. math::

        x \leftarrow \operatorname{prox}\big(x - \alpha M^{-1} f'(x)\big), \quad
        \operatorname{prox}(z) = \arg\min_x \; \alpha\, r(x) + \tfrac12 \|x - z\|_M^2
                               = \operatorname{sign}(z) \max(|z| - \alpha M^{-1} w, 0)

    (iterative soft thresholding; A. Beck and M. Teboulle, A Fast Iterative Shrinkage-Thresholding
    Algorithm, 2009, in a diagonal metric M).  Components become exactly 0.  With step sizes up to
    1 / L, L being the Lipschitz constant of f' in the metric, f + r never grows.

    On several levels the penalties have to mean the same functional, see :class:`mgres.Lasso`.  The
    coupling of a cycle is linear and knows f only.  A minimiser is a fixed point of cycles if no
    coarse component stands for zero and nonzero, or positive and negative, fine ones at once; else
    coarse corrections and the fine threshold balance near it.  A line search on corrections sees f
    without r.  A cascade has neither trouble.

    Attributes
    ----------
    learning_rate : float or LearningRate
        The step size alpha.
    penalty : L1
        The penalty r of this level: each level needs an optimiser of its own.
    """

    learning_rate: Rate
    penalty: L1

    def __post_init__(self) -> None:
        check_rate("learning_rate", self.learning_rate)
        if not isinstance(self.penalty, L1):
            raise TypeError(f"penalty: expected L1, got {type(self.penalty).__name__}")

    def init(self, x: Vector, metric: Metric) -> ProximalGradientState:
        """Return the scratch for points like `x`.

        Raises
        ------
        ValueError
            If the penalty has another size or dtype than `x`.
        TypeError
            If the metric is not diagonal.
        """
        weights = self.penalty.weights
        if weights.shape != x.shape or weights.dtype != x.dtype:
            raise ValueError(
                f"penalty: expected weights of shape {x.shape} and dtype {x.dtype}, "
                f"got {weights.shape} and {weights.dtype}"
            )
        return ProximalGradientState(metric, np.empty_like(x), self.penalty.thresholds(metric))

    def step(self, f: Objective, x: Vector, state: ProximalGradientState) -> float:
        """Take one step; return f(x) before it, without the penalty."""
        fx = f.value_and_grad(x, state.gradient)
        state.metric.to_primal(state.gradient, state.gradient)
        alpha = rate_at(self.learning_rate, state.steps)
        _core.axpy(-alpha, state.gradient, x)
        shrunk = np.multiply(state.thresholds, alpha, out=state.gradient)
        np.subtract(np.abs(x), shrunk, out=shrunk)
        np.maximum(shrunk, 0, out=shrunk)
        np.copysign(shrunk, x, out=x)
        state.steps += 1
        return fx

    def carry_down(self, fine: ProximalGradientState, carrier: Carrier) -> ProximalGradientState:
        """Return a state with the step count of `fine`."""
        coarse = self.init(
            np.empty(carrier.coarse_size, fine.gradient.dtype), carrier.coarse_metric
        )
        coarse.steps = fine.steps
        return coarse

    def carry_up(
        self, fine: ProximalGradientState, coarse: ProximalGradientState, carrier: Carrier
    ) -> None:
        """Take the step count of `coarse`."""
        fine.steps = coarse.steps
