"""Conjugate gradients for the steps of Newton-type methods, in the level's metric."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ... import _core
from ..metric import Metric
from ..objective import Vector

Product = Callable[[Vector, Vector], None]
"""``product(v, out)`` writes A v, a dual vector, to ``out``."""


@dataclass(frozen=True)
class CGResult:
    """An approximate minimiser of a quadratic model, and how it was found.

    Attributes
    ----------
    step : Vector
        The point d.
    products : int
        How often A was multiplied with a vector.
    residual : float
        |g + A d| over |g| in the dual norm of the metric.
    model : float
        <g, d> + <d, A d> / 2, not positive.
    escape : Vector or None
        The direction p that ended the iteration because <p, A p> is not positive.
    """

    step: Vector
    products: int
    residual: float
    model: float
    escape: Vector | None


def conjugate_gradients(
    product: Product, gradient: Vector, metric: Metric, forcing: float, max_products: int
) -> CGResult:
    r"""Minimise :math:`\langle g, d\rangle + \frac12 \langle d, A d\rangle` from d = 0.

    Ends when the residual has fallen to `forcing` times the gradient, after `max_products`
    products, or on a direction p with :math:`\langle p, A p\rangle \le 0`, along which the model
    falls without bound from the step found until then, which is 0 if p is the first direction
    (R. Dembo and T. Steihaug, Truncated-Newton algorithms for large-scale unconstrained
    optimization, 1983; J. Nocedal and S. Wright, Numerical Optimization, 2nd edition, algorithm
    7.1).  Step and p are directions of descent.

    With the metric M as preconditioner, the iteration is that in the coordinates M^(1/2) d, so that
    how fast it is depends on the spectrum of M^-1 A only.

    Parameters
    ----------
    product : callable
        ``product(v, out)`` writes A v to ``out``.
    gradient : Vector
        The dual vector g, not zero.
    metric : Metric
        M.
    forcing : float
        The relative residual that is small enough.
    max_products : int
        The most products.
    """
    residual = gradient.copy()
    step = np.zeros_like(gradient)
    riesz, image = np.empty_like(gradient), np.empty_like(gradient)
    metric.to_primal(residual, riesz)
    direction = -riesz
    square = first_square = _core.dot(residual, riesz)
    escape = None
    products = 0
    while products < max_products and square > forcing**2 * first_square:
        with np.errstate(over="ignore", invalid="ignore"):
            product(direction, image)
        products += 1
        curvature = _core.dot(direction, image)
        if not 0 < curvature < math.inf:
            escape = direction
            break
        alpha = square / curvature
        _core.axpy(alpha, direction, step)
        _core.axpy(alpha, image, residual)
        metric.to_primal(residual, riesz)
        previous, square = square, _core.dot(residual, riesz)
        direction *= square / previous
        direction -= riesz
    model = (_core.dot(gradient, step) + _core.dot(residual, step)) / 2  # residual = g + A step
    reached = metric.dual_norm(residual) / math.sqrt(first_square)
    return CGResult(step, products, reached, model, escape)
