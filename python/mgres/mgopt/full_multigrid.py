"""Full multigrid: nested iteration in which every level runs cycles through all coarser ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from . import nested
from .cycle import VCycle
from .hierarchy import Hierarchy
from .nested import NestedState
from .objective import Vector
from .report import CycleReport
from .schedule import Schedule
from .smoothing import Method
from .stopping import MaxSteps, StoppingRule


def paper_cycle(levels: int) -> VCycle:
    """Return the V-cycle of the paper's table 1."""
    return VCycle(Schedule.paper(levels))


@dataclass(frozen=True)
class FullMultigrid:
    """Nested iteration with cycles: every level but the coarsest has all coarser ones to help it.

    Attributes
    ----------
    cycle : callable
        Makes the cycle for a number of levels; for one level, the method on the coarsest.
    stop : StoppingRule
        Rules how many cycles a level gets.
    """

    cycle: Callable[[int], Method] = paper_cycle
    stop: StoppingRule = field(default_factory=lambda: MaxSteps(1))

    def init(self, hierarchy: Hierarchy, x: Vector) -> NestedState:
        """Return a state on the coarsest level, at the projection of `x`."""
        return nested.begin(hierarchy, x, self.cycle(1), self.stop)

    def step(self, hierarchy: Hierarchy, x: Vector, state: NestedState) -> CycleReport:
        """Run one cycle on the present level, and go up if that was enough."""
        report = nested.work(hierarchy, x, state, self.stop)
        if state.finished and state.level > 0:
            self.ascend(hierarchy, x, state)
        return report

    def ascend(
        self,
        hierarchy: Hierarchy,
        x: Vector,
        state: NestedState,
        finest_value: float | None = None,
    ) -> None:
        """Go to the next finer level; on the finest one its parameters are written to `x`."""
        l = nested.prolong(hierarchy, x, state)
        state.method = self.cycle(len(hierarchy) - l)
        state.inner = state.method.init(hierarchy.coarser(l), x if l == 0 else state.point)
        state.rule = self.stop.init()

    def solution(self, hierarchy: Hierarchy, x: Vector, state: NestedState) -> Vector:
        """Return what has been reached, prolonged to the finest level; `x` is not changed."""
        return nested.solution(hierarchy, x, state)

    def look(self, state: NestedState, point: Vector) -> float:
        """Return the objective at the present level's `point`; the next step need not repeat it."""
        return nested.look(state, point)
