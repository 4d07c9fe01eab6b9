"""Gradients: derivatives compared with differences of values."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..floats import quiet
from ..mgopt import Objective, Vector
from .report import Report, number, table

TOLERANCE = {"float64": 1e-6, "float32": 1e-3}
"""How exact a directional derivative must be by default, relative to its typical size."""

MINIMAL_ORDER = 1.5
"""A wrong gradient leaves a remainder of order 1, a right one a remainder of order 2."""


CLEAR = 30.0
"""A remainder counts only if it is this many times larger than the noise of f."""


@dataclass(frozen=True)
class DirectionCheck:
    """The two tests along one direction d.

    Attributes
    ----------
    slope : float
        <g, d>, the derivative that the gradient g predicts.
    difference : float
        The derivative by central differences, extrapolated to step 0.
    error : float
        ``|difference - slope|``, relative to `scale`.
    uncertainty : float
        What truncation and rounding leave undecided in `error`.
    scale : float
        The size that a derivative along d typically has, at least that of its rounding errors.
    order : float
        p in ``|f(x + e d) - f(x) - e <g, d>|`` ~ e^p; nan if that remainder is only rounding.
    steps, remainders : tuple of float
        The steps e and the remainders.
    noise : float
        The remainder at steps so small that it is nothing but rounding.
    """

    slope: float
    difference: float
    error: float
    uncertainty: float
    scale: float
    order: float
    steps: tuple[float, ...]
    remainders: tuple[float, ...]
    noise: float


@dataclass(frozen=True, kw_only=True)
class GradientReport(Report):
    """What :func:`check_gradient` found.

    Attributes
    ----------
    value : float
        f at the point.
    gradient_norm : float
        The Euclidean norm of the gradient there.
    tolerance : float
        The largest error of a directional derivative that passed.
    directions : tuple of DirectionCheck
        One for each random direction.
    """

    value: float
    gradient_norm: float
    tolerance: float
    directions: tuple[DirectionCheck, ...]

    def __str__(self) -> str:
        header = ["direction", "<g, d>", "central difference", "error", "+-", "Taylor order"]
        rows = [[str(i), *_cells(d)] for i, d in enumerate(self.directions)]
        about = f"f = {self.value:.6g}, |g| = {self.gradient_norm:.6g}"
        about += f", tolerance {self.tolerance:g}"
        return self.render("check_gradient", [about, *table(header, rows)])


def check_gradient(
    objective: Objective,
    x: Vector,
    *,
    seed: int = 0,
    directions: int = 3,
    tolerance: float | None = None,
    mask: NDArray[np.bool_] | None = None,
) -> GradientReport:
    """Compare an objective's gradient g at `x` with its values, along random directions d.

    Two tests along each direction.  Taylor: the remainder ``|f(x + e d) - f(x) - e <g, d>|`` must
    fall like e^2; an error in g shows as e^1.  Central differences, extrapolated once (Richardson),
    must agree with <g, d> within `tolerance` plus their own uncertainty.  A remainder that is
    nothing but rounding, as that of a linear function, passes.

    Parameters
    ----------
    objective : Objective
        What is checked.
    x : Vector, shape (n,)
        Where; it is not changed.
    seed : int
        Determines the directions.
    directions : int
        How many.
    tolerance : float, optional
        By default 1e-6 in double and 1e-3 in single precision.
    mask : bool array, shape (n,), optional
        The parameters that the directions may change; all by default.  Frozen parameters, whose
        gradient is set to zero, have to be left out.

    Returns
    -------
    GradientReport
        ``print(report)`` shows the numbers; ``report.raise_if_failed()`` turns it into a test.

    Raises
    ------
    ValueError
        If `x` or `mask` does not fit the objective, or nothing is left to vary.

    Examples
    --------
    >>> from mgres.testing import Quadratic, check_gradient
    >>> check_gradient(Quadratic([1.0, 2.0, 3.0]), np.ones(3)).ok
    True
    """
    if x.shape != (objective.size,) or x.dtype != objective.dtype:
        raise ValueError(
            f"x: expected shape ({objective.size},) and dtype {objective.dtype}, "
            f"got {x.shape} and {x.dtype}"
        )
    active = np.ones(x.shape, bool) if mask is None else np.asarray(mask)
    if active.shape != x.shape or active.dtype != bool or not active.any():
        raise ValueError("mask: expected a bool array of the shape of x with at least one True")
    if directions < 1:
        raise ValueError(f"directions: expected at least 1, got {directions}")
    tolerance = TOLERANCE[x.dtype.name] if tolerance is None else tolerance

    kept = x.copy()
    gradient = np.full_like(x, np.nan)
    value = objective.value_and_grad(x, gradient)
    failures = _contract_failures(objective, x, kept, value, gradient)
    checks: list[DirectionCheck] = []
    if math.isfinite(value) and np.all(np.isfinite(gradient)):
        rng = np.random.default_rng(seed)
        for i in range(directions):
            d = np.where(active, rng.standard_normal(x.size), 0.0)
            d *= max(float(np.linalg.norm(kept[active])), 1.0) / np.linalg.norm(d)
            check = _check_direction(objective, kept, value, gradient, d)
            checks.append(check)
            failures += [f"direction {i}: {text}" for text in _verdict(check, tolerance)]
    return GradientReport(
        failures=tuple(failures),
        value=value,
        gradient_norm=float(np.linalg.norm(gradient[active].astype(np.float64))),
        tolerance=tolerance,
        directions=tuple(checks),
    )


def _contract_failures(
    objective: Objective, x: Vector, kept: Vector, value: float, gradient: Vector
) -> list[str]:
    """Return what `value_and_grad` did wrong, apart from the derivative itself."""
    failures = []
    if not np.array_equal(x, kept):
        failures.append("value_and_grad changed x")
        x[:] = kept
    if not math.isfinite(value):
        failures.append(f"f(x) is {value}")
    bad = np.flatnonzero(~np.isfinite(gradient))
    if bad.size:
        failures.append(
            f"the gradient is not finite or not written at {bad[0]} ({bad.size} places)"
        )
    only_value = objective.value(x)
    # the two may sum in different orders, so a few hundred roundings apart is equal
    if not abs(only_value - value) <= 1000 * np.finfo(x.dtype).eps * max(abs(value), 1):
        failures.append(f"value returned {only_value!r}, value_and_grad {value!r}")
    return failures


def _verdict(check: DirectionCheck, tolerance: float) -> list[str]:
    allowed = tolerance + 4 * check.uncertainty
    failures = []
    if not check.error <= allowed:
        failures.append(
            f"<g, d> = {check.slope:.6e} but the central difference is {check.difference:.6e}"
        )
    # where rounding is all that is left of it, the smallest remainder has nothing to say
    one_sided = (check.remainders[-1] - 4 * check.noise) / check.steps[-1]
    if check.order < MINIMAL_ORDER and one_sided > allowed * check.scale:
        failures.append(f"the Taylor remainder falls like e^{check.order:.2f} instead of e^2")
    return failures


@quiet("over", "invalid")  # f may overflow at large steps
def _check_direction(
    f: Objective, x: Vector, fx: float, gradient: Vector, d: NDArray[np.float64]
) -> DirectionCheck:
    """Run both tests along d.

    All differences are taken between points that exist in the dtype of x: <g, (x + e d) - x> in
    place of e <g, d> keeps the rounding of x + e d out of the remainders.
    """
    g = gradient.astype(np.float64)
    base = x.astype(np.float64)

    def shifted(e: float) -> tuple[float, float]:
        """Return f(x + e d) - f(x) and what the gradient predicts for it."""
        point = (base + e * d).astype(x.dtype)
        return f.value(point) - fx, float(g @ (point.astype(np.float64) - base))

    eps = float(np.finfo(x.dtype).eps)
    # at steps of a few eps a smooth remainder is invisible: what is left is the noise of f
    tiny = (shifted(k * eps) for k in (8, 16, 32, 64))
    noise = eps * abs(fx) + max(abs(actual - predicted) for actual, predicted in tiny)

    ratio = 4.0 if x.dtype == np.float64 else 2.0
    count = int(-math.log(eps) / 2 / math.log(ratio))
    steps = [ratio**-k for k in range(1, count + 1)]
    ahead = [shifted(e) for e in steps]
    behind = [shifted(-e) for e in steps]
    remainders = [abs(actual - predicted) for actual, predicted in ahead]
    errors = np.array(
        [
            ((up - predicted_up) - (down - predicted_down)) / (2 * e)
            for e, (up, predicted_up), (down, predicted_down) in zip(
                steps, ahead, behind, strict=True
            )
        ]
    )
    # the error of a central difference is a series in e^2; eliminate its first term
    extrapolated = (ratio**2 * errors[1:] - errors[:-1]) / (ratio**2 - 1)
    # how far two steps to either side disagree: fewer may agree by chance, as kinks make them
    windows = np.lib.stride_tricks.sliding_window_view(extrapolated, 5)
    uncertainty = np.ptp(windows, axis=1) + noise / np.array(steps[3:-2])
    best = int(np.argmin(np.where(np.isfinite(uncertainty), uncertainty, np.inf)))

    slope = float(g @ d)
    error = float(extrapolated[best + 2])
    typical = float(np.linalg.norm(g) * np.linalg.norm(d)) / math.sqrt(np.count_nonzero(d))
    # where the derivative is lost in rounding, that rounding is the yardstick
    undecided = float(uncertainty[best])
    scale = max(abs(slope), typical, undecided, float(np.finfo(np.float64).tiny))
    return DirectionCheck(
        slope=slope,
        difference=slope + error,
        error=abs(error) / scale,
        uncertainty=undecided / scale,
        scale=scale,
        order=_order(steps, remainders, CLEAR * noise),
        steps=tuple(steps),
        remainders=tuple(remainders),
        noise=noise,
    )


def _order(steps: list[float], remainders: list[float], noise: float) -> float:
    """Return the slope of log(remainder) over log(step) at the two smallest steps above the noise.

    With fewer than three such steps they are too large to show an order.
    """
    clear = [(e, r) for e, r in zip(steps, remainders, strict=True) if noise < r < math.inf]
    if len(clear) < 3:
        return math.nan
    (e0, r0), (e1, r1) = clear[-2:]
    return math.log(r0 / r1) / math.log(e0 / e1)


def _cells(d: DirectionCheck) -> list[str]:
    order = "rounding" if math.isnan(d.order) else f"{d.order:.2f}"
    return [f"{d.slope:.6e}", f"{d.difference:.6e}", number(d.error), number(d.uncertainty), order]
