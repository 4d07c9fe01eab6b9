"""Transfers: the identities that tie the three operators to each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..mgopt import Transfer, Vector
from .report import Report, number, table

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
"""The relative error up to which an identity counts as fulfilled."""

SUMMED = 1.5
"""Pi P 1 beyond this means sums: 1 is right, and a sum of two gives 2."""

_GUARD = 16
_SENTINEL = -7.0


@dataclass(frozen=True, kw_only=True)
class TransferReport(Report):
    """What :func:`check_transfer` found; all numbers are relative errors.

    Attributes
    ----------
    fine_size, coarse_size : int
        The dimensions n and m.
    adjointness : float
        ``|<P e, g> - <e, R g>|``.
    projection_error : float
        ||Pi P e - e||, the largest of all samples.
    linearity : float
        The largest deviation from linearity of the three operators.
    prolonged_constant, projected_constant : float
        max ``|P 1 - 1|`` and max ``|Pi 1 - 1|``.
    round_trip : float
        max Pi P 1: 1 if parameters are averaged, 2 if pairs of them are summed.
    tolerance : float
        The error up to which an identity counts as fulfilled.
    """

    fine_size: int
    coarse_size: int
    adjointness: float
    projection_error: float
    linearity: float
    prolonged_constant: float
    projected_constant: float
    round_trip: float
    tolerance: float

    @property
    def sums_parameters(self) -> bool:
        """Whether Pi adds parameters up instead of averaging them."""
        return self.round_trip > SUMMED

    def __str__(self) -> str:
        rows = [
            ["<P e, g> = <e, R g>", number(self.adjointness)],
            ["linearity", number(self.linearity)],
            ["Pi P = I", number(self.projection_error)],
            ["P 1 = 1", number(self.prolonged_constant)],
            ["Pi 1 = 1", number(self.projected_constant)],
        ]
        title = f"check_transfer {self.coarse_size} <-> {self.fine_size}"
        return self.render(title, table(["identity", "error"], rows))


def check_transfer(
    transfer: Transfer,
    *,
    seed: int = 0,
    dtype: DTypeLike = np.float64,
    samples: int = 3,
    exact_projection: bool = False,
    tolerance: float | None = None,
) -> TransferReport:
    """Check that R is the adjoint of P, and what Pi is to both.

    Fails if <P e, g> and <e, R g> differ, an operator is not linear, changes its input, writes
    outside `out` or leaves parts of it unwritten.  Pi P = I and the preservation of constants are
    reported, because good transfers exist that only approximate them.

    Parameters
    ----------
    transfer : Transfer
        What is checked.
    seed : int
        Determines the random vectors.
    dtype : dtype
        The floating-point type of the vectors.
    samples : int
        How many random vectors are tried.
    exact_projection : bool
        Whether Pi P = I is required.
    tolerance : float, optional
        By default 1e-12 in double and 1e-5 in single precision.

    Returns
    -------
    TransferReport
        ``print(report)`` shows what was found.

    Raises
    ------
    ValueError
        If `samples` is not positive.

    Examples
    --------
    >>> from mgres.problems import PiecewiseConstant
    >>> check_transfer(PiecewiseConstant(8), exact_projection=True).ok
    True
    """
    dtype = np.dtype(dtype)
    tolerance = TOLERANCE[dtype.name] if tolerance is None else tolerance
    if samples < 1:
        raise ValueError(f"samples: expected at least 1, got {samples}")
    n, m = transfer.fine_size, transfer.coarse_size
    rng = np.random.default_rng(seed)
    probe = _Probe()

    def random(size: int) -> Vector:
        return rng.standard_normal(size).astype(dtype)

    def prolong(e: Vector) -> Vector:
        return probe.apply("prolong", transfer.prolong, e, n)

    def restrict(g: Vector) -> Vector:
        return probe.apply("restrict", transfer.restrict, g, m)

    def project(x: Vector) -> Vector:
        return probe.apply("project", transfer.project, x, m)

    adjointness = projection = linearity = 0.0
    for _ in range(samples):
        e, g = random(m), random(n)
        adjointness = max(adjointness, _adjointness(prolong(e), g, e, restrict(g)))
        projection = max(projection, _distance(project(prolong(e)), e))
        linearity = max(
            linearity,
            _nonlinearity(prolong, e, random(m)),
            _nonlinearity(restrict, g, random(n)),
            _nonlinearity(project, g, random(n)),
        )
    ones = prolong(np.ones(m, dtype))
    failures = [
        f"{name}: relative error {error:.1e} exceeds {tolerance:g}"
        for name, error, required in [
            ("restrict is not the adjoint of prolong", adjointness, True),
            ("an operator is not linear", linearity, True),
            ("project after prolong is not the identity", projection, exact_projection),
        ]
        if required and not error <= tolerance
    ]
    report = TransferReport(
        failures=(*failures, *probe.complaints),
        fine_size=n,
        coarse_size=m,
        adjointness=adjointness,
        projection_error=projection,
        linearity=linearity,
        prolonged_constant=_largest(ones - 1),
        projected_constant=_largest(project(np.ones(n, dtype)) - 1),
        round_trip=float(np.max(project(ones))),
        tolerance=tolerance,
    )
    return report


class _Probe:
    """Calls operators on guarded buffers and remembers what they should not have done."""

    def __init__(self) -> None:
        self.complaints: dict[str, None] = {}

    def apply(
        self, name: str, operator: Callable[[Vector, Vector], None], source: Vector, size: int
    ) -> Vector:
        """Return the result of an operator; `complaints` takes note of side effects."""
        buffer = np.full(size + 2 * _GUARD, _SENTINEL, source.dtype)
        out = buffer[_GUARD:-_GUARD]
        out.fill(np.nan)
        kept = source.copy()
        operator(source, out)
        if not np.array_equal(source, kept):
            self.complaints[f"{name} changed its input"] = None
            source[:] = kept
        if np.any(buffer[:_GUARD] != _SENTINEL) or np.any(buffer[-_GUARD:] != _SENTINEL):
            self.complaints[f"{name} wrote outside out"] = None
        if np.any(np.isnan(out)):
            self.complaints[f"{name} left parts of out unwritten, or wrote nan"] = None
        return out.copy()


def _adjointness(pe: Vector, g: Vector, e: Vector, rg: Vector) -> float:
    """Return ``|<P e, g> - <e, R g>|`` relative to the size that it has for random vectors."""
    left, right = _dot(pe, g), _dot(e, rg)
    scale = np.sqrt(_dot(pe, pe) * _dot(g, g) / g.size)
    return float(abs(left - right) / scale) if scale > 0 else float(abs(left - right))


def _nonlinearity(operator: Callable[[Vector], Vector], x: Vector, y: Vector) -> float:
    a, b = x.dtype.type(0.75), x.dtype.type(-1.5)
    return _distance(operator(a * x + b * y), a * operator(x) + b * operator(y))


def _distance(x: Vector, y: Vector) -> float:
    """Return |x - y| / |y|."""
    difference, size = x.astype(np.float64) - y, np.linalg.norm(y.astype(np.float64))
    return float(np.linalg.norm(difference) / size) if size > 0 else float(np.linalg.norm(x))


def _dot(x: NDArray[Any], y: NDArray[Any]) -> float:
    return float(np.dot(x.astype(np.float64), y.astype(np.float64)))


def _largest(x: Vector) -> float:
    return float(np.max(np.abs(x)))
