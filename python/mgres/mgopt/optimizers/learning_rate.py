"""Learning rates: numbers, or functions of the number of steps taken so far."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

from ...checks import check_integer, check_number


@runtime_checkable
class LearningRate(Protocol):
    """A step size that depends on the step.

    The count of steps lives in the optimiser's state and goes wherever that state goes: a coarse
    level that takes over the state of a finer one continues its schedule, one that starts afresh
    begins it again.
    """

    def rate(self, step: int) -> float:
        """Return the step size of step 0, 1, 2, ..., at least 0."""
        ...


Rate: TypeAlias = float | LearningRate
"""What an optimiser accepts as its learning rate."""


def rate_at(rate: Rate, step: int) -> float:
    """Return the step size of step 0, 1, 2, ..."""
    return rate.rate(step) if isinstance(rate, LearningRate) else rate


def check_rate(name: str, rate: Rate) -> None:
    """Raise unless `rate` is a positive number (ValueError) or has a method `rate` (TypeError)."""
    if isinstance(rate, LearningRate):
        return
    if not isinstance(rate, numbers.Real):
        raise TypeError(
            f"{name}: expected a number or an object with rate(step), got {type(rate).__name__}"
        )
    check_number(name, rate, above=0)


@dataclass(frozen=True)
class Constant:
    """The same rate at every step, as the plain number would be.

    Attributes
    ----------
    value : float
        The rate.
    """

    value: float

    def __post_init__(self) -> None:
        check_number("value", self.value, above=0)

    def rate(self, step: int) -> float:
        """Return the value."""
        return self.value


@dataclass(frozen=True)
class StepDecay:
    """initial * factor^floor(step / every).

    Attributes
    ----------
    initial : float
        The first rate.
    every : int
        How many steps a rate is kept.
    factor : float
        One rate over the one before, in (0, 1).
    """

    initial: float
    every: int
    factor: float = 0.5

    def __post_init__(self) -> None:
        check_number("initial", self.initial, above=0)
        object.__setattr__(self, "every", check_integer("every", self.every))
        check_number("factor", self.factor, above=0, below=1)

    def rate(self, step: int) -> float:
        """Return the rate of `step`."""
        return float(self.initial * self.factor ** (step // self.every))


@dataclass(frozen=True)
class LinearDecay:
    """Linear from initial, at step 0, to final, at step `steps` and from there on.

    Attributes
    ----------
    initial, final : float
        The rates; the final one may be larger.
    steps : int
        The length of the way between them.
    """

    initial: float
    steps: int
    final: float

    def __post_init__(self) -> None:
        check_number("initial", self.initial, above=0)
        object.__setattr__(self, "steps", check_integer("steps", self.steps))
        check_number("final", self.final, above=0)

    def rate(self, step: int) -> float:
        """Return the rate of `step`."""
        share = min(step / self.steps, 1.0)
        return (1 - share) * self.initial + share * self.final


@dataclass(frozen=True)
class CosineDecay:
    """Half a cosine from initial, at step 0, to final, at step `steps` and from there on.

    Source: I. Loshchilov and F. Hutter, SGDR, 2017, equation (5), without restarts.

    Attributes
    ----------
    initial : float
        The first rate.
    steps : int
        The length of the decay.
    final : float
        The last rate, at least 0.
    """

    initial: float
    steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        check_number("initial", self.initial, above=0)
        object.__setattr__(self, "steps", check_integer("steps", self.steps))
        check_number("final", self.final, least=0)

    def rate(self, step: int) -> float:
        """Return the rate of `step`."""
        share = min(step / self.steps, 1.0)
        return self.final + (self.initial - self.final) * (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class WarmUp:
    """Linear growth over the first steps, then another rate from its own beginning.

    Step k < steps takes (k + 1) / (steps + 1) of the other's first rate.

    Attributes
    ----------
    after : float or LearningRate
        What follows; its step 0 is the first step after the growth.
    steps : int
        The length of the growth.
    """

    after: Rate
    steps: int

    def __post_init__(self) -> None:
        check_rate("after", self.after)
        object.__setattr__(self, "steps", check_integer("steps", self.steps))

    def rate(self, step: int) -> float:
        """Return the rate of `step`."""
        if step < self.steps:
            return rate_at(self.after, 0) * (step + 1) / (self.steps + 1)
        return rate_at(self.after, step - self.steps)


@dataclass(frozen=True)
class Scaled:
    """Another rate times a factor.

    Attributes
    ----------
    by : float
        The factor.
    inner : float or LearningRate
        The other rate.
    """

    by: float
    inner: Rate

    def __post_init__(self) -> None:
        check_number("by", self.by, above=0)
        check_rate("inner", self.inner)

    def rate(self, step: int) -> float:
        """Return the rate of `step`."""
        return self.by * rate_at(self.inner, step)


Optimizer = TypeVar("Optimizer")


def by_level(optimizer: Optimizer, factor: float, levels: int) -> list[Optimizer]:
    """Return one optimiser for each level, finest first, with learning rates that differ by level.

    Level l, counted from 0 for the finest, takes the learning rate of `optimizer` times factor^l.
    In the Euclidean metric with P = 1 and R = P', for example, a coarse step of the same rate moves
    smooth modes twice as far as a fine one, and a factor of 1/2 takes that back.

    Parameters
    ----------
    optimizer : LevelOptimizer
        A dataclass with an attribute `learning_rate`.
    factor : float
        One level's rate over that of the next finer one.
    levels : int
        How many levels.

    Raises
    ------
    TypeError
        If the optimiser has no learning rate.
    ValueError
        If the factor is not positive or the number of levels not at least 1.

    Examples
    --------
    >>> from mgres.mgopt import GradientDescent
    >>> for level in by_level(GradientDescent(0.1), 0.5, levels=3):
    ...     print(level)
    GradientDescent(learning_rate=0.1)
    GradientDescent(learning_rate=0.05)
    GradientDescent(learning_rate=0.025)
    """
    check_number("factor", factor, above=0)
    check_integer("levels", levels)
    rate: Any = getattr(optimizer, "learning_rate", None)
    if rate is None:
        raise TypeError(f"optimizer: expected one with a learning_rate, got {optimizer}")
    return [
        replace(optimizer, learning_rate=_times(factor**l, rate))  # type: ignore[type-var]
        for l in range(levels)
    ]


def _times(factor: float, rate: Rate) -> Rate:
    if isinstance(rate, LearningRate):
        return rate if factor == 1 else Scaled(factor, rate)
    return factor * rate
