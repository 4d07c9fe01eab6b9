"""Recursive trust regions: coarse visits confined to a ball, judged by what they promised."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ... import _core
from ...checks import check_number, number_of
from ..metric import Metric
from ..objective import Objective, Vector
from .linesearch import LineSearch


@dataclass(frozen=True)
class TrustRegion:
    r"""The rules of a recursive trust-region method (RMTR).

    A coarse visit from level l may not leave the ball :math:`\|y - y_0\|_M \le \Delta_l` in the
    metric of the coarse level, nor, on coarse levels, what remains of the ball of its own visit: a
    step that leads out is shortened to the boundary and ends the visit.  With the coarse objective
    h, coupling included, and the correction e,

    .. math:: \rho = \frac{f(x) - f(x + Pe)}{h(y_0) - h(y)},

    and the correction is taken if :math:`\rho \ge \eta_1`.  Then the radius becomes

    .. math::

        \Delta \leftarrow \begin{cases}
            \max(\Delta, \gamma_2 \|e\|_M) & \rho \ge \eta_2 \\
            \Delta & \eta_1 \le \rho < \eta_2 \\
            \gamma_1 \min(\Delta, \|e\|_M) & \rho < \eta_1
        \end{cases}

    so that it grows only where it matters and shrinks below the step that failed.  Reductions below
    the rounding errors of f count as equal.

    Sources: S. Gratton, A. Sartenaer and Ph. Toint, Recursive trust-region methods for multiscale
    nonlinear optimization, SIAM J. Optim. 19 (2008), for the recursion; C. Gross and R. Krause, On
    the convergence of recursive trust-region methods for multiscale nonlinear optimization and
    applications to nonlinear mechanics, SIAM J. Numer. Anal. 47 (2009), whose radii are kept from
    cycle to cycle as here; A. Conn, N. Gould and Ph. Toint, Trust-Region Methods, SIAM 2000,
    section 17.1, for the update and its constants and 17.4 for the rounding errors.

    Attributes
    ----------
    radius : float
        The first radius on every level, in the units of the parameters; may be infinite.
    eta1, eta2 : float
        Ratios from which a correction is taken, and is very good: 0 < eta1 <= eta2 < 1.
    shrink : float
        The factor gamma_1, in (0, 1).
    grow : float
        The factor gamma_2, above 1.
    otherwise : LineSearch or None
        What is asked about a correction with ratio < eta1 before it is rejected (J. Nocedal and
        Y. Yuan, Combining trust region and line search techniques, 1998).  The radius shrinks.
    """

    radius: float = 1.0
    eta1: float = 0.01
    eta2: float = 0.9
    shrink: float = 0.25
    grow: float = 2.5
    otherwise: LineSearch | None = None

    def __post_init__(self) -> None:
        if not number_of(self.radius) > 0:
            raise ValueError(f"radius: expected a positive number, got {self.radius!r}")
        if not 0 < number_of(self.eta1) <= number_of(self.eta2) < 1:
            raise ValueError(
                f"eta1, eta2: expected 0 < eta1 <= eta2 < 1, got {self.eta1} and {self.eta2}"
            )
        check_number("shrink", self.shrink, above=0, below=1)
        check_number("grow", self.grow, above=1)

    def ratio(self, f: Objective, x: Vector, d: Vector, fx: float, predicted: float) -> float:
        """Return rho for the correction d, evaluating f at x + d.

        It is -inf if one of the reductions is not finite or none was predicted.
        """
        actual = fx - f.value(x + d)
        noise = 10 * float(np.finfo(x.dtype).eps) * abs(fx)
        if abs(actual) <= noise and abs(predicted) <= noise:
            return 1.0
        if not (math.isfinite(actual) and 0 < predicted < math.inf):
            return -math.inf
        return actual / predicted

    def next_radius(self, radius: float, length: float, ratio: float) -> float:
        """Return the radius after a correction of the coarse norm `length`.

        A length that is not finite leads to the ratio -inf and does not count.
        """
        if ratio >= self.eta2:
            return max(radius, self.grow * length)
        if ratio >= self.eta1:
            return radius
        return self.shrink * (min(radius, length) if math.isfinite(length) else radius)


class Ball:
    """The ball |y - y0| <= radius of one coarse visit.

    Parameters
    ----------
    origin : Vector
        The centre y0.  Kept by reference: it must not change during the visit.
    metric : Metric
        Of the level.
    radius : float
        Positive.

    Attributes
    ----------
    left : bool
        Whether a step has led out of the ball, so that the visit is over.
    """

    def __init__(self, origin: Vector, metric: Metric, radius: float) -> None:
        self._origin = origin
        self._metric = metric
        self.radius = radius
        self.left = False

    def remaining(self, y: Vector) -> float:
        """Return the distance from `y` to the boundary; at least the distance of a rounding."""
        rounding = float(np.finfo(y.dtype).eps) * self.radius
        return max(self.radius - self._metric.norm(y - self._origin), rounding)

    def share(self, y: Vector, step: Vector) -> float:
        """Return the largest t in [0, 1] for which `y` + t `step` is in the ball, `y` being in it.

        A step that is not finite is none of the ball's business: 1.
        """
        offset = y - self._origin
        end = self._metric.norm(offset + step)
        if end <= self.radius or not math.isfinite(end):
            return 1.0
        # |offset + t step|^2 = radius^2, a + 2 b t + c t^2 = 0 with a <= 0 < c
        dual = np.empty_like(step)
        self._metric.to_dual(step, dual)
        a = min(self._metric.norm(offset) ** 2 - self.radius**2, 0.0)
        b, c = _core.dot(dual, offset), _core.dot(dual, step)
        root = math.sqrt(b * b - a * c)
        return min(-a / (b + root) if b > 0 else (root - b) / c, 1.0)

    def confine(self, before: Vector, y: Vector) -> None:
        """Shorten the step from `before` to `y`, in place, if it leads out; then the visit ends."""
        step = y - before
        t = self.share(before, step)
        if t < 1:
            np.copyto(y, before)
            _core.axpy(t, step, y)
            self.left = True
