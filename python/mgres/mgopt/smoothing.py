"""What minimises a hierarchy step by step, and the simplest of it: the optimiser alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from .hierarchy import Hierarchy
from .objective import Memo, Vector
from .report import CycleReport


class Method(Protocol):
    """Minimises the finest objective of a hierarchy step by step; a V-cycle is one."""

    def init(self, hierarchy: Hierarchy, x: Vector) -> Any:
        """Return the state for a start at points like `x`."""
        ...

    def step(self, hierarchy: Hierarchy, x: Vector, state: Any) -> CycleReport:
        """Improve `x` in place."""
        ...


@dataclass
class SmoothingState:
    """What :class:`Smoothing` carries from step to step."""

    finest: Memo
    optimizer: Any


@dataclass(frozen=True)
class Smoothing:
    """Steps of the finest level's optimiser, the coarser levels left alone: the single level."""

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
