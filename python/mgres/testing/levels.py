"""Pairs of levels: transfers, coupling and descent, on the way down a hierarchy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..mgopt import Hierarchy, Level, Tilted, Vector
from .transfer import TransferReport, check_transfer

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
"""The relative error up to which first-order coherence counts as fulfilled."""


@dataclass(frozen=True)
class LevelCheck:
    """What holds between one level and the next coarser one.

    Attributes
    ----------
    size : int
        The number of parameters of the level.
    loss : float
        Its objective, without coupling, at the parameters projected down from the finest level.
    transfer : TransferReport or None
        The transfer to the next coarser level; this and all below are None on the coarsest.
    coherence : float or None
        |h'(Pi x) - R f'(x)| / |R f'(x)|: how far the coarse surrogate h is from having the
        restricted gradient.
    coupling : float or None
        |v| / |R f'(x)|: how much of the restricted gradient the coarse objective lacks.
    descent : float or None
        The cosine between f'(x) and the correction d from one step on the coarse level; negative
        if d is a direction of descent.
    """

    size: int
    loss: float
    transfer: TransferReport | None = None
    coherence: float | None = None
    coupling: float | None = None
    descent: float | None = None


def check_levels(
    hierarchy: Hierarchy, x: Vector, seed: int
) -> tuple[tuple[LevelCheck, ...], list[str]]:
    """Go down with x and its gradient, checking every pair of levels; return checks and failures.

    This is the way down of a cycle without smoothing.  The work is entered in the ledger.
    """
    checks = []
    point = x
    gradient = np.empty_like(x)
    loss = hierarchy[0].objective.value_and_grad(point, gradient)
    for i in range(len(hierarchy) - 1):
        level, coarse = hierarchy[i], hierarchy[i + 1]
        assert level.transfer is not None
        origin = np.empty(coarse.objective.size, x.dtype)
        restricted = np.empty_like(origin)
        level.transfer.project(point, origin)
        level.transfer.restrict(gradient, restricted)
        surrogate = Tilted(coarse.objective, origin, restricted)
        # the surrogate remembers its gradient at the origin: have it computed afresh
        fresh = np.empty_like(origin)
        coarse_loss = coarse.objective.value_and_grad(origin, fresh)
        size = _norm(restricted)
        checks.append(
            LevelCheck(
                size=level.objective.size,
                loss=loss,
                transfer=check_transfer(level.transfer, seed=seed, dtype=x.dtype),
                coherence=_ratio(_norm(fresh - surrogate.v - restricted), size),
                coupling=_ratio(_norm(surrogate.v), size),
                descent=_descent(level, coarse, surrogate, gradient, origin),
            )
        )
        point, gradient, loss = origin, restricted, coarse_loss
    checks.append(LevelCheck(size=hierarchy[-1].objective.size, loss=loss))
    tolerance = TOLERANCE[x.dtype.name]
    failures = [text for i, check in enumerate(checks) for text in _failures(i, check, tolerance)]
    return tuple(checks), failures


def _descent(
    level: Level, coarse: Level, surrogate: Tilted, gradient: Vector, origin: Vector
) -> float:
    """Return the cosine between the fine gradient and the correction by one coarse step."""
    assert level.transfer is not None
    y = origin.copy()
    coarse.optimizer.step(surrogate, y, coarse.optimizer.init(y, coarse.metric))
    d = np.empty_like(gradient)
    level.transfer.prolong(y - origin, d)
    slope = float(np.dot(gradient.astype(np.float64), d.astype(np.float64)))
    return _ratio(slope, _norm(gradient) * _norm(d))


def _failures(i: int, level: LevelCheck, tolerance: float) -> list[str]:
    failures = []
    if not math.isfinite(level.loss):
        failures.append(f"level {i}: the loss is {level.loss}")
    if level.transfer is None:
        return failures
    failures += [f"level {i}: {text}" for text in level.transfer.failures]
    if level.transfer.sums_parameters:
        failures.append(
            f"level {i}: Pi P 1 = {level.transfer.round_trip:.3g} instead of 1: parameters are "
            "summed; project them with Pi, not with R"
        )
    assert level.coherence is not None
    assert level.descent is not None
    # the surrogate is a difference of gradients, so its rounding is relative to the largest
    if not level.coherence <= tolerance * (1 + (level.coupling or 0)):
        failures.append(
            f"level {i}: the coarse gradient at Pi x differs from R f'(x) by {level.coherence:.1e}"
        )
    if not level.descent <= 0:
        failures.append(f"level {i}: a coarse step goes uphill (cosine {level.descent:.3g})")
    return failures


def _ratio(a: float, b: float) -> float:
    return a / b if b > 0 else a


def _norm(x: np.ndarray[Any, Any]) -> float:
    return float(np.linalg.norm(x.astype(np.float64)))
