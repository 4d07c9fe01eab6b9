"""When enough has been done on a level."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

from ...checks import check_integer, check_number


class StoppingRule(Protocol):
    """Decides from what each step knows anyway; costs no evaluation."""

    def init(self) -> Any:
        """Return the state at the start of a visit."""
        ...

    def met(self, state: Any, value: float, gradient_norm: float) -> bool:
        """Return whether to stop, after a step that began at f(x) and |f'(x)|.

        The norm is that of the level's metric.  Asked after every step, so that neither number has
        to be evaluated for it.
        """
        ...


@dataclass
class Count:
    """How many steps a rule has seen."""

    steps: int = 0


@dataclass(frozen=True)
class MaxSteps:
    """Stop after so many steps.

    Attributes
    ----------
    steps : int
        The number, at least 1.
    """

    steps: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", check_integer("steps", self.steps))

    def init(self) -> Count:
        """Return a count of zero."""
        return Count()

    def met(self, state: Count, value: float, gradient_norm: float) -> bool:
        """Return whether all steps are done."""
        state.steps += 1
        return state.steps >= self.steps


@dataclass(frozen=True)
class Stall:
    r"""Stop when the objective has fallen by less than a share of itself over the last steps.

    .. math:: |f(x_{k-p})| - f(x_k) < g \, |f(x_{k-p})|

    With `smooth`, for objectives that change from batch to batch, the means over the last p values
    and over the p before them are compared instead.

    Attributes
    ----------
    gain : float
        The share g, in (0, 1).
    over : int
        The number of steps p.
    smooth : bool
        Compare means.
    """

    gain: float = 0.01
    over: int = 40
    smooth: bool = False

    def __post_init__(self) -> None:
        check_number("gain", self.gain, above=0, below=1)
        object.__setattr__(self, "over", check_integer("over", self.over))

    def init(self) -> deque[float]:
        """Return an empty window."""
        return deque(maxlen=2 * self.over if self.smooth else self.over + 1)

    def met(self, state: deque[float], value: float, gradient_norm: float) -> bool:
        """Return whether the window is full and shows too little progress."""
        state.append(value)
        if len(state) < (state.maxlen or 0):
            return False
        values = list(state)
        before, now = values[0], values[-1]
        if self.smooth:
            before = math.fsum(values[: self.over]) / self.over
            now = math.fsum(values[self.over :]) / self.over
        return before == now or before - now < self.gain * abs(before)  # 0 and 0 is no progress


@dataclass
class Reference:
    """The first gradient norm that a rule has seen."""

    norm: float | None = None


@dataclass(frozen=True)
class GradientReduction:
    """Stop when the norm of the gradient has fallen below a share of what it was at the start.

    Attributes
    ----------
    share : float
        In (0, 1).
    """

    share: float

    def __post_init__(self) -> None:
        check_number("share", self.share, above=0, below=1)

    def init(self) -> Reference:
        """Return a state that waits for the first norm."""
        return Reference()

    def met(self, state: Reference, value: float, gradient_norm: float) -> bool:
        """Return whether the norm is small enough."""
        if state.norm is None:
            state.norm = gradient_norm
        return gradient_norm <= self.share * state.norm


@dataclass(frozen=True, init=False)
class AnyOf:
    """Stop as soon as one of several rules says so.

    Attributes
    ----------
    rules : tuple of StoppingRule
        The rules.
    """

    rules: tuple[StoppingRule, ...]

    def __init__(self, *rules: StoppingRule) -> None:
        if not rules:
            raise ValueError("rules: expected at least one rule, got none")
        object.__setattr__(self, "rules", rules)

    def init(self) -> list[Any]:
        """Return the states of all rules."""
        return [rule.init() for rule in self.rules]

    def met(self, state: list[Any], value: float, gradient_norm: float) -> bool:
        """Return whether one of the rules is met; each one sees every step."""
        answers = [
            rule.met(own, value, gradient_norm) for rule, own in zip(self.rules, state, strict=True)
        ]
        return any(answers)
