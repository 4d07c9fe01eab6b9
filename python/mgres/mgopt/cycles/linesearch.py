"""How far to go along a correction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from ... import _core
from ...checks import check_integer, check_number
from ..objective import Objective, Vector


@dataclass(frozen=True)
class Step:
    """What a line search decided.

    Attributes
    ----------
    alpha : float
        The step length; 0 if no step was acceptable.
    accepted : bool
        Whether the step may be taken.
    evaluations : int
        How many values of the objective the search asked for.
    """

    alpha: float
    accepted: bool
    evaluations: int = 0


REJECTED = Step(alpha=0.0, accepted=False)


class LineSearch(Protocol):
    """Chooses a step length along a descent direction; changes nothing."""

    def __call__(self, f: Objective, x: Vector, d: Vector, fx: float, slope: float) -> Step:
        """Decide on x + alpha d, given fx = f(x) and slope = <f'(x), d> < 0."""
        ...


@dataclass(frozen=True)
class FixedStep:
    """Always the same step length, without looking at the objective (the paper: 1).

    Attributes
    ----------
    alpha : float
        The step length.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, above=0)

    def __call__(self, f: Objective, x: Vector, d: Vector, fx: float, slope: float) -> Step:
        """Accept the fixed length."""
        return Step(alpha=self.alpha, accepted=True)


@dataclass(frozen=True)
class Armijo:
    """Backtracking until f(x + alpha d) <= f(x) + c1 alpha <f'(x), d>.

    Source: J. Nocedal and S. Wright, Numerical Optimization, 2nd edition, algorithm 3.1.

    Attributes
    ----------
    initial : float
        The first length tried.
    c1 : float
        The share of the predicted decrease that must be obtained, in (0, 1).
    shrink : float
        The factor between one trial and the next, in (0, 1).
    max_trials : int
        How many lengths are tried before the direction is rejected.
    """

    initial: float = 1.0
    c1: float = 1e-4
    shrink: float = 0.5
    max_trials: int = 10

    def __post_init__(self) -> None:
        check_number("initial", self.initial, above=0)
        check_number("c1", self.c1, above=0, below=1)
        check_number("shrink", self.shrink, above=0, below=1)
        object.__setattr__(self, "max_trials", check_integer("max_trials", self.max_trials))

    def __call__(self, f: Objective, x: Vector, d: Vector, fx: float, slope: float) -> Step:
        """Try the lengths initial * shrink^i in turn; a value that is not finite is no decrease."""
        trial = x.copy()
        alpha = self.initial
        for evaluations in range(1, self.max_trials + 1):
            trial[:] = x
            _core.axpy(alpha, d, trial)
            value = f.value(trial)
            if math.isfinite(value) and value <= fx + self.c1 * alpha * slope:
                return Step(alpha=alpha, accepted=True, evaluations=evaluations)
            alpha *= self.shrink
        return Step(alpha=0.0, accepted=False, evaluations=self.max_trials)
