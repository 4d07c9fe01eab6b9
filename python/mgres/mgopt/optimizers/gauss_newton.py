"""The damped Gauss-Newton method of Levenberg and Marquardt, in the level's metric."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ... import _core
from ...checks import check_integer, check_number
from ..carrier import Carrier
from ..metric import Metric
from ..objective import Objective, TwiceDifferentiable, Vector, twice_differentiable
from .conjugate_gradients import conjugate_gradients
from .newton import finite_value_and_grad


@dataclass
class GaussNewtonState:
    """Damping and scratch of :class:`GaussNewton`."""

    metric: Metric
    gradient: Vector
    trial: Vector
    trial_gradient: Vector
    damping: float | None = None
    """lambda; None until the first step has chosen it."""
    gain: float = math.nan
    """Actual over predicted reduction of the last trial."""
    products: int = 0
    """Products with the Gauss-Newton matrix in all steps."""
    rejected: int = 0
    """Trials that were not accepted."""
    moved: float = math.inf
    """max |x - previous x| of the last step, 0 if none of its trials was accepted."""


@dataclass(frozen=True)
class GaussNewton:
    r"""Levenberg-Marquardt steps by conjugate gradients.

    With the Gauss-Newton matrix G(x) >= 0 of the objective and the level's metric M,

    .. math:: (G(x) + \lambda M) \, d = -f'(x),

    solved by conjugate gradients with M as preconditioner until the residual has fallen to
    `forcing` of the gradient.  The step is accepted if the gain ratio, with the model without
    damping,

    .. math::

        \rho = \frac{f(x) - f(x + d)}{q(0) - q(d)}, \quad
        q(d) = \langle f'(x), d\rangle + \tfrac12 \langle d, G d\rangle,

    exceeds `acceptance`, and then :math:`\lambda \leftarrow \lambda \max(1/3, 1 - (2\rho - 1)^3)`;
    otherwise :math:`\lambda` grows by 2, 4, 8, ... and the step is tried again (H. B. Nielsen,
    Damping parameter in Marquardt's method, 1999; K. Madsen, H. B. Nielsen and O. Tingleff, Methods
    for non-linear least squares problems, 2004, algorithm 3.16).  Each trial evaluates a gradient,
    which is the next step's if the trial is accepted.

    As G and M are functionals of the same functions of t in the metric of L^2(0, T), the damping
    means the same on all levels, and is carried.

    Attributes
    ----------
    damping : float
        The first :math:`\lambda` over the curvature
        :math:`\langle u, G u\rangle / \langle u, M u\rangle` along the first gradient
        u = M^-1 f'(x): as a ratio it has no units.
    forcing : float
        The relative residual of the linear iteration, in (0, 1).
    max_products : int
        Products with G in one linear iteration at most.
    acceptance : float
        The least gain ratio of an accepted step, in (0, 1).
    max_trials : int
        Trials of a step, with growing damping; if all fail, the step is not taken, and the damping
        stays as it was.

    Examples
    --------
    >>> import numpy as np
    >>> from mgres.mgopt import Euclidean, GaussNewton
    >>> from mgres.testing import Quadratic
    >>> f, x = Quadratic([1.0, 4.0, 9.0], minimiser=[1.0, 2.0, 3.0]), np.zeros(3)
    >>> method = GaussNewton(forcing=1e-12)
    >>> state = method.init(x, Euclidean())
    >>> for _ in range(3):
    ...     _ = method.step(f, x, state)
    >>> np.allclose(x, [1, 2, 3], rtol=1e-6)
    True
    """

    damping: float = 1e-3
    forcing: float = 0.1
    max_products: int = 50
    acceptance: float = 1e-4
    max_trials: int = 10

    def __post_init__(self) -> None:
        check_number("damping", self.damping, above=0)
        check_number("forcing", self.forcing, above=0, below=1)
        object.__setattr__(self, "max_products", check_integer("max_products", self.max_products))
        check_number("acceptance", self.acceptance, above=0, below=1)
        object.__setattr__(self, "max_trials", check_integer("max_trials", self.max_trials))

    def init(self, x: Vector, metric: Metric) -> GaussNewtonState:
        """Return the state of a method that has taken no step."""
        return GaussNewtonState(metric, np.empty_like(x), np.empty_like(x), np.empty_like(x))

    def step(self, f: Objective, x: Vector, state: GaussNewtonState) -> float:
        """Take one step; `x` stays as it is, bit for bit, if no trial was acceptable.

        Raises
        ------
        TypeError
            If `f` has no products with second derivatives.
        """
        second = twice_differentiable(f)
        fx = f.value_and_grad(x, state.gradient)
        state.moved = 0.0
        if not 0 < state.metric.dual_norm(state.gradient) < math.inf:
            return fx
        if state.damping is None:
            state.damping = self.damping * self._curvature(second, x, state)
        damping, growth = state.damping, 2.0
        for _ in range(self.max_trials):
            predicted = self._model(second, x, damping, state)
            # a smaller change than the rounding of f could be neither confirmed nor refuted
            if predicted <= np.finfo(x.dtype).eps * abs(fx):
                break
            value = finite_value_and_grad(f, state.trial, state.trial_gradient)
            state.gain = (fx - value) / predicted
            if state.gain > self.acceptance:
                state.moved = float(np.max(np.abs(state.trial - x)))
                np.copyto(x, state.trial)
                state.damping = damping * max(1 / 3, 1 - (2 * min(state.gain, 2) - 1) ** 3)
                break
            state.rejected += 1
            damping *= growth
            growth *= 2
        return fx

    def _curvature(self, f: TwiceDifferentiable, x: Vector, state: GaussNewtonState) -> float:
        """Return <u, G u> / <u, M u> along the gradient u; 1 where it is not positive."""
        u, image = np.empty_like(x), np.empty_like(x)
        state.metric.to_primal(state.gradient, u)
        f.gauss_newton_product(x, u, image)
        state.products += 1
        curvature = _core.dot(u, image) / state.metric.norm(u) ** 2
        return curvature if 0 < curvature < math.inf else 1.0

    def _model(
        self, f: TwiceDifferentiable, x: Vector, damping: float, state: GaussNewtonState
    ) -> float:
        """Write the step's end to `trial`; return the reduction that the model without damping has.

        It is not less than that of the damped model, and so positive but for rounding.
        """
        scaled = np.empty_like(x)

        def product(v: Vector, out: Vector) -> None:
            f.gauss_newton_product(x, v, out)
            state.metric.to_dual(v, scaled)
            _core.axpy(damping, scaled, out)

        result = conjugate_gradients(
            product, state.gradient, state.metric, self.forcing, self.max_products
        )
        state.products += result.products
        np.copyto(state.trial, x)
        state.trial += result.step
        return damping / 2 * state.metric.norm(result.step) ** 2 - result.model

    def carry_down(self, fine: GaussNewtonState, carrier: Carrier) -> GaussNewtonState:
        """Return a state with the damping of `fine`."""
        coarse = self.init(
            np.empty(carrier.coarse_size, fine.gradient.dtype), carrier.coarse_metric
        )
        coarse.damping = fine.damping
        return coarse

    def carry_up(self, fine: GaussNewtonState, coarse: GaussNewtonState, carrier: Carrier) -> None:
        """Take the damping of `coarse`."""
        fine.damping = coarse.damping
