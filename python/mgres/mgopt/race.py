"""Several starts on the coarsest level, where steps are cheap."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .objective import Vector


@dataclass(frozen=True)
class Race:
    """How many starts are tried, and for how long.

    The first start is the given one.  In the others the components in `vary` have random signs:
    for weights drawn from a symmetric distribution that is another draw, whatever the
    distribution.

    How good a start is shows on the next finer level: a network with few layers can fit its own
    discretisation error, and then a small loss on its level means nothing.

    Attributes
    ----------
    starts : int
        The number of starts; 1 is no race.
    steps : int
        The largest number of steps from each.
    vary : slice
        Components of the coarsest vector that are different in every start.
    seed : int
        Of the signs.
    """

    starts: int
    steps: int
    vary: slice = field(default_factory=lambda: slice(None))
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("starts", "steps"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}: expected an integer from 1, got {value!r}")

    def start(self, first: Vector, number: int) -> Vector:
        """Return start `number`, which is `first` itself for number 0."""
        point = first.copy()
        if number > 0:
            rng = np.random.default_rng([self.seed, number])
            part = point[self.vary]
            part *= rng.choice(np.array([-1, 1], point.dtype), part.size)
        return point


@dataclass
class Contender:
    """Where a start has led."""

    point: Vector
    inner: Any
    score: float


@dataclass
class RaceState:
    """The starts that are behind, and the present one."""

    first: Vector
    number: int = 0
    steps: int = 0
    behind: list[Contender] = field(default_factory=list)
