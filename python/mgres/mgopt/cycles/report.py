"""What a cycle tells about itself."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class CorrectionReport:
    """What the coarse correction did on one level.

    Attributes
    ----------
    level : int
        The level that was corrected, 0 for the finest.
    value : float
        The level's objective, coupling included, before the correction.
    gradient_norm : float
        Norm of its gradient in the level's metric.
    coupling : float
        |v| / |R g|: how much of the restricted gradient the coarse objective does not know itself,
        be it corrected for or not.  For an additive cycle the largest over its levels.
    slope : float
        <g, d>, the directional derivative along the correction d.
    correction_norm : float
        Norm of the correction in the level's metric.
    alpha : float
        The step taken along it, 0 if it was rejected.
    accepted : bool
        False if the correction was not finite, was no descent direction for a line search, or did
        not satisfy the line search, the trust region or the verification.
    evaluations : int
        Values of the level's objective that were asked for to judge the correction.
    radius : float or None
        With a trust region: the radius of the ball to which the coarse visit was confined.
    predicted : float or None
        With a trust region: by how much the coarse objective, coupling included, decreased.
    ratio : float or None
        With a trust region: the decrease of the level's objective over the predicted one; None too
        if the correction was not fit to be tried.
    verified : bool or None
        With an independent objective: whether it agreed to the step; None if it was not asked.
    """

    level: int
    value: float
    gradient_norm: float
    coupling: float
    slope: float
    correction_norm: float
    alpha: float
    accepted: bool
    evaluations: int
    radius: float | None = None
    predicted: float | None = None
    ratio: float | None = None
    verified: bool | None = None


@dataclass(frozen=True)
class CycleReport:
    """What one cycle did.

    Attributes
    ----------
    value : float
        The finest objective at the first point where the cycle evaluated it.
    work_units : float
        What the cycle cost.
    corrections : tuple of CorrectionReport
        In the order in which they were applied: coarse levels first.
    level : int
        The level that was worked for: 0, the finest, except in nested iteration.
    value_after : float or None
        The objective of that level at the end, if it is known without further work.
    gradient_norm : float
        Norm of the last gradient of that level, in its metric; NaN if there was none.
    skipped : tuple of int
        Levels on which a coarse visit was skipped, in the order in which that happened.
    finest : float or None
        The finest objective at the point reached, if a coarse level has asked for it.
    """

    value: float
    work_units: float
    corrections: tuple[CorrectionReport, ...] = ()
    level: int = 0
    value_after: float | None = None
    gradient_norm: float = math.nan
    skipped: tuple[int, ...] = ()
    finest: float | None = None
