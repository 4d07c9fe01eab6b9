"""The way of a method through the levels, as nodes and edges; drawn by :mod:`.diagram`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..mgopt import (
    AdditiveCycle,
    AnyOf,
    Cycle,
    GradientReduction,
    MaxSteps,
    NestedIteration,
    Schedule,
    Smoothing,
    Stall,
)
from ..mgopt.cycles.schedule import Shape


@dataclass
class Node:
    """A stay on a level.

    Attributes
    ----------
    column, level : int
        Where it is drawn: columns from left to right, level 0 on top.
    steps : int or None
        Optimiser steps taken there; None if a rule ends them.
    kind : str
        "smooth" or "coarsest".
    """

    column: int
    level: int
    steps: int | None
    kind: str


@dataclass(frozen=True)
class Edge:
    """A way between two nodes: "restrict" (down), "correct" (up) or "prolong" (up, the point)."""

    start: int
    end: int
    kind: str


@dataclass
class Way:
    """Nodes in the order of their visits, edges, and words about what is not in the numbers."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    repeats: list[tuple[int, int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def visit(self, level: int, steps: int | None, kind: str, up: str = "correct") -> None:
        """Go on to `level`; a stay there that goes on is one node."""
        last = self.nodes[-1] if self.nodes else None
        if last is not None and last.level == level:
            both = (last.steps, steps)
            last.steps = None if None in both else sum(s for s in both if s is not None)
            return
        self.nodes.append(Node(last.column + 1 if last else 0, level, steps, kind))
        if last is not None:
            n = len(self.nodes)
            self.edges.append(Edge(n - 2, n - 1, "restrict" if level > last.level else up))

    def note(self, text: str) -> None:
        """Remember a remark, once."""
        if text not in self.notes:
            self.notes.append(text)


def way_of(method: Any, levels: int) -> Way:
    """Return the way of a method through `levels` levels.

    Raises
    ------
    TypeError
        If the method is of a kind that is not known.
    """
    way = Way()
    _go(way, method, 0, levels)
    return way


def _go(
    way: Way,
    method: Any,
    offset: int,
    levels: int,
    up: str = "correct",
) -> None:
    if isinstance(method, (Cycle, Schedule)):
        schedule = method if isinstance(method, Schedule) else method.schedule
        shape: Shape = method.shape if isinstance(method, Cycle) else "V"
        if isinstance(method, Cycle) and method.stop is not None:
            way.note("at most so many steps")
        _recur(way, schedule, shape, offset, 0, up)
    elif isinstance(method, AdditiveCycle):
        _fan(way, method.schedule, offset, up)
    elif isinstance(method, Smoothing):
        way.visit(offset, 1, "coarsest" if levels == 1 else "smooth", up)
    elif isinstance(method, NestedIteration):
        for n in range(1, levels + 1):
            _stay(way, method, offset + levels - n, n, is_coarsest=n == 1 < levels)
        if isinstance(method.on_level(1), Smoothing) and not isinstance(method.stop, MaxSteps):
            way.note(f"steps on a level end {rule_in_words(method.stop)}")
        if method.judge is not None:
            way.note("or when the finest level says that they no longer help it")
    else:
        expected = "a Schedule, a cycle, a Cascade or FullMultigrid"
        raise TypeError(f"cycle: expected {expected}, got {type(method).__name__}")


def _stay(way: Way, method: NestedIteration, level: int, n: int, *, is_coarsest: bool) -> None:
    """Draw what nested iteration does on one of its levels, the finest of `n`."""
    inner, stop = method.on_level(n), method.stop
    if isinstance(inner, Smoothing):
        steps = stop.steps if isinstance(stop, MaxSteps) else None
        way.visit(level, steps, "coarsest" if is_coarsest else "smooth", "prolong")
        return
    first = len(way.nodes)
    _go(way, inner, level, n, "prolong")
    if n > 1 and stop != MaxSteps(1):
        way.repeats.append((first, len(way.nodes) - 1, _times(stop)))


def _recur(way: Way, schedule: Schedule, shape: Shape, offset: int, l: int, up: str) -> None:
    """Algorithm 1 of the paper without the arithmetic; see :class:`mgres.mgopt.Cycle`."""
    if l == len(schedule) - 1:
        way.visit(offset + l, schedule.coarsest, "coarsest", up)
        return
    way.visit(offset + l, schedule.levels[l].pre, "smooth", up)
    for inner in schedule.inner_visits(l, shape):
        _recur(way, schedule, inner, offset, l + 1, "correct")
    way.visit(offset + l, schedule.levels[l].post, "smooth")


def _fan(way: Way, schedule: Schedule, offset: int, up: str) -> None:
    """All levels side by side, from one gradient to one sum."""
    way.visit(offset, 0, "smooth", up)
    first, column = len(way.nodes) - 1, way.nodes[-1].column
    answers = []
    for l in range(len(schedule)):
        is_last = l == len(schedule) - 1
        steps = schedule.coarsest if is_last else schedule.levels[l].pre + schedule.levels[l].post
        answers.append(len(way.nodes))
        kind = "coarsest" if is_last else "smooth"
        way.nodes.append(Node(column + 1, offset + l, steps, kind))
        way.edges.append(Edge(first, answers[-1], "restrict"))
    end = len(way.nodes)
    way.nodes.append(Node(column + 2, offset, 0, "smooth"))
    way.edges += [Edge(answer, end, "correct") for answer in answers]


def rule_in_words(rule: Any) -> str:
    """Return when a stopping rule stops, for a sentence."""
    if isinstance(rule, MaxSteps):
        return f"after {rule.steps} steps"
    if isinstance(rule, Stall):
        return f"when {rule.over} of them gain less than {rule.gain:.3g}"
    if isinstance(rule, GradientReduction):
        return f"when the gradient is {rule.share:.3g} of what it was"
    if isinstance(rule, AnyOf):
        return " or ".join(map(rule_in_words, rule.rules))
    return f"by {type(rule).__name__}"


def _times(rule: Any) -> str:
    return f"{rule.steps} ×" if isinstance(rule, MaxSteps) else f"until {type(rule).__name__}"
