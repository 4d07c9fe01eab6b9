"""What minimises a hierarchy step by step, and the simplest of it: the optimiser alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ..hierarchy import Hierarchy
from ..memo import Memo
from ..objective import Vector
from .report import CycleReport


@dataclass(frozen=True)
class Best:
    """A point of the finest level, and the finest objective there.

    Attributes
    ----------
    value : float
        The objective.
    point : Vector
        The parameters.
    """

    value: float
    point: Vector


class Method(Protocol):
    """Minimises the finest objective of a hierarchy step by step; a V-cycle is one.

    Who writes one subclasses this and fills in :meth:`init` and :meth:`step`.  The other methods
    are for methods that work on coarse levels for a while; as they stand here they say that all
    work is for the finest level.
    """

    def init(self, hierarchy: Hierarchy, x: Vector) -> Any:
        """Return the state for a start at points like `x`."""
        ...

    def step(self, hierarchy: Hierarchy, x: Vector, state: Any) -> CycleReport:
        """Improve the parameters; those of the finest level are in `x`, changed in place."""
        ...

    def levels(self) -> int | None:
        """Return how many levels a hierarchy must have, None if any number will do."""
        return None

    def level(self, state: Any) -> int:
        """Return the level that is worked for, 0 for the finest."""
        return 0

    def point(self, x: Vector, state: Any) -> Vector:
        """Return the parameters of that level: `x` itself on the finest."""
        return x

    def solution(self, hierarchy: Hierarchy, x: Vector, state: Any) -> Vector:
        """Return what has been reached, prolonged to the finest level; `x` is not changed."""
        return x.copy()

    def asks(self) -> bool:
        """Return whether coarse levels ask for the finest objective by themselves."""
        return False

    def best(self, state: Any) -> Best | None:
        """Return the best point at which a coarse level has asked for the finest objective."""
        return None

    def expected(self, state: Any, value: float) -> float:
        """Return what the finest objective may be where that of the level is `value`."""
        return value

    def climb(
        self, hierarchy: Hierarchy, x: Vector, state: Any, finest: float | None = None
    ) -> None:
        """Take note that the goal holds on the coarse level and not on the finest.

        Parameters
        ----------
        hierarchy, x, state
            As for :meth:`step`.
        finest : float, optional
            The finest objective at :meth:`solution`, if it is known.
        """
        return None

    def ended(self, state: Any) -> bool:
        """Return whether the method has had enough on the finest level."""
        return False


@dataclass
class SmoothingState:
    """What :class:`Smoothing` carries from step to step."""

    finest: Memo
    optimizer: Any


@dataclass(frozen=True)
class Smoothing(Method):
    """Steps of the finest level's optimiser, the coarser levels left alone: the single level."""

    def levels(self) -> int:
        """Return 1: coarser levels would have nothing to do."""
        return 1

    def init(self, hierarchy: Hierarchy, x: Vector) -> SmoothingState:
        """Return a state with a fresh optimiser."""
        level = hierarchy[0]
        return SmoothingState(Memo(level.objective), level.optimizer.init(x, level.metric))

    def step(self, hierarchy: Hierarchy, x: Vector, state: SmoothingState) -> CycleReport:
        """Take one step."""
        before = hierarchy.work.total
        value = hierarchy[0].optimizer.step(state.finest, x, state.optimizer)
        known = state.finest.value(x) if state.finest.knows(x) else None
        gradient_norm = state.finest.gradient_norm(hierarchy[0].metric)
        work = hierarchy.work.total - before
        return CycleReport(value, work, value_after=known, gradient_norm=gradient_norm)
