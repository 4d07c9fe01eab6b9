"""How many optimiser steps a cycle takes on each level, in the paper's notation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from ...checks import check_integer

Shape = Literal["V", "W", "F"]
"""V: one visit of the next coarser level; W: two; F: one that is an F itself, then a V."""

SHAPES: tuple[Shape, ...] = get_args(Shape)
"""The shapes by name."""

_INNER: dict[Shape, tuple[Shape, ...]] = {"V": ("V",), "W": ("W", "W"), "F": ("F", "V")}

_ENTRY = re.compile(
    r"(?P<both>\d+)|\((?P<pre>\d+)\)|(?P<down>\d+)/(?P<up>\d+)|\{(?P<coarsest>\d+)\}"
)


@dataclass(frozen=True)
class LevelSteps:
    """Step counts of one level.

    Attributes
    ----------
    pre : int
        Steps on the way down.
    post : int
        Steps on the way up.
    """

    pre: int
    post: int

    def __post_init__(self) -> None:
        for name, steps in (("pre", self.pre), ("post", self.post)):
            object.__setattr__(self, name, check_integer(name, steps, least=0))

    def __str__(self) -> str:
        if self.pre == self.post:
            return str(self.pre)
        return f"({self.pre})" if self.post == 0 else f"{self.pre}/{self.post}"


@dataclass(frozen=True)
class Schedule:
    """Step counts for every level, finest first.

    Printed and parsed as in section 4 of the paper: ``[(1), 1, 2, {2}]`` is one step going down and
    none going up on the finest level, one each way on the next, two each way on the third and two
    on the coarsest.  ``3/1``, three down and one up, is our extension.

    Attributes
    ----------
    levels : tuple of LevelSteps
        All levels but the coarsest.
    coarsest : int
        Steps on the coarsest level.

    Examples
    --------
    >>> schedule = Schedule.paper(4)
    >>> print(schedule, schedule.work_units())
    [(1), 1, 2, {2}] 5.0
    >>> Schedule.parse("[(1), 1, 2, {2}]") == schedule
    True
    """

    levels: tuple[LevelSteps, ...]
    coarsest: int

    def __post_init__(self) -> None:
        if self.coarsest < 1:
            raise ValueError(f"coarsest: expected at least 1 step, got {self.coarsest}")

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Return the schedule that the paper's notation describes.

        Parameters
        ----------
        text : str
            Such as ``[(1), 1, 2, {2}]``, finest level first.

        Raises
        ------
        ValueError
            If `text` is not of the form ``[entry, ..., {n}]``.
        """
        body = text.strip()
        if not (body.startswith("[") and body.endswith("]")):
            raise ValueError(f"schedule: expected '[...]', got {text!r}")
        matches = [_ENTRY.fullmatch(entry.strip()) for entry in body[1:-1].split(",")]
        levels: list[LevelSteps] = []
        for i, match in enumerate(matches):
            is_last = i == len(matches) - 1
            if match is None or is_last != (match["coarsest"] is not None):
                raise ValueError(
                    "schedule: expected entries such as 1, (1) or 2/1, finest level first, and one "
                    f"{{n}} at the end for the coarsest level, got {text!r}"
                )
            if match["both"]:
                levels.append(LevelSteps(int(match["both"]), int(match["both"])))
            elif match["pre"]:
                levels.append(LevelSteps(int(match["pre"]), 0))
            elif match["down"]:
                levels.append(LevelSteps(int(match["down"]), int(match["up"])))
        coarsest = matches[-1]
        assert coarsest is not None
        return cls(tuple(levels), int(coarsest["coarsest"]))

    @classmethod
    def paper(cls, levels: int) -> Schedule:
        """Return the set-up of the paper's table 1 for L = `levels` levels.

        One step on levels l > L/2, two on levels l <= L/2 (l = L is the finest), none on the finest
        going up; ``[{1}]`` for L = 1, which is the single-level method.

        Parameters
        ----------
        levels : int
            The number L.

        Raises
        ------
        ValueError
            If `levels` is not positive.
        """
        levels = check_integer("levels", levels)
        if levels == 1:
            return cls((), 1)
        steps = [1 if 2 * l > levels else 2 for l in range(levels, 0, -1)]
        inner = tuple(LevelSteps(n, n) for n in steps[1:-1])
        return cls((LevelSteps(steps[0], 0), *inner), steps[-1])

    def inner_visits(self, level: int, shape: Shape) -> tuple[Shape, ...]:
        """Return the shapes of the visits of `level` + 1 that a visit of `level` makes in turn.

        The coarsest level is visited once, for a second visit would only continue the first.
        """
        return _INNER[shape][:1] if level + 1 == len(self) - 1 else _INNER[shape]

    def visits(self, shape: Shape = "V") -> list[int]:
        """Return how often a cycle visits each level.

        Raises
        ------
        ValueError
            If there is no such shape.
        """
        check_shape(shape)
        kinds: Counter[Shape] = Counter([shape])
        counts = [1]
        for level in range(len(self) - 1):
            inner: Counter[Shape] = Counter()
            for kind, number in kinds.items():
                for visit in self.inner_visits(level, kind):
                    inner[visit] += number
            kinds = inner
            counts.append(kinds.total())
        return counts

    def work_units(self, costs: Sequence[float] | None = None, *, shape: Shape = "V") -> float:
        """Return the cost U_c of one cycle: for a V-cycle formula (10) of the paper.

        At every visit of a level but the coarsest each step costs a gradient and the coupling one
        more; on the coarsest level the coupling's gradient serves as the first step's.

        Parameters
        ----------
        costs : sequence of float, optional
            What a gradient costs on each level, finest first; by default 1, 1/2, 1/4, ...
        shape : "V", "W" or "F"
            How often levels are visited.

        Raises
        ------
        ValueError
            If `costs` has another number of levels.
        """
        if costs is None:
            costs = [0.5**i for i in range(len(self))]
        if len(costs) != len(self):
            raise ValueError(f"costs: expected {len(self)} numbers, got {len(costs)}")
        gradients = [*(s.pre + s.post + 1 for s in self.levels), self.coarsest]
        return sum(c * n * g for c, n, g in zip(costs, self.visits(shape), gradients, strict=True))

    def __len__(self) -> int:
        """Return the number of levels."""
        return len(self.levels) + 1

    def __str__(self) -> str:
        return "[" + ", ".join([*map(str, self.levels), f"{{{self.coarsest}}}"]) + "]"


def check_shape(shape: str) -> None:
    """Raise ValueError unless `shape` is one of V, W and F."""
    if shape not in SHAPES:
        raise ValueError(f"shape: expected one of {SHAPES}, got {shape!r}")
