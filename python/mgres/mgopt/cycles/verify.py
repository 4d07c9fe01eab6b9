"""A second opinion on a correction: an objective that had no part in computing it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ...checks import number_of
from ..objective import Objective, Vector


@dataclass(frozen=True, eq=False)
class VerifiedOn:
    """A correction of the finest level must not increase an independent objective.

    A line search on a mini-batch can over-fit it: each batch improves while the next one's loss
    climbs.  The same loss on other samples notices.

    Attributes
    ----------
    objective : Objective
        On the finest level's parameters, such as the loss on another batch.  It is evaluated
        twice for every correction, counted as two values of the finest objective.
    tolerance : float
        The share of its value by which it may increase.
    """

    objective: Objective = field(repr=False)
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= number_of(self.tolerance) < math.inf:
            raise ValueError(f"tolerance: expected a number from 0, got {self.tolerance!r}")

    def allows(self, objective: Objective, x: Vector, trial: Vector) -> bool:
        """Return whether `objective`, this one with its work counted, may go from x to `trial`."""
        before, after = objective.value(x), objective.value(trial)
        return math.isfinite(after) and after <= before + self.tolerance * abs(before)
