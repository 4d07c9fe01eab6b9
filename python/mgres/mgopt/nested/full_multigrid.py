"""Full multigrid: nested iteration in which every level runs cycles through all coarser ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..cycles.cycle import VCycle
from ..cycles.method import Method
from ..cycles.schedule import Schedule
from ..cycles.stopping import MaxSteps, StoppingRule
from .iteration import NestedIteration
from .judge import Judge


def paper_cycle(levels: int) -> VCycle:
    """Return the V-cycle of the paper's table 1."""
    return VCycle(Schedule.paper(levels))


@dataclass(frozen=True)
class FullMultigrid(NestedIteration):
    """Nested iteration with cycles: every level but the coarsest has all coarser ones to help it.

    Attributes
    ----------
    cycle : callable
        Makes the cycle for a number of levels; for one level, the method on the coarsest.
    stop : StoppingRule
        Rules how many cycles a level gets.
    finish : StoppingRule or None
        When to end on the finest level; by default `stop`.
    judge : Judge or None
        As in :class:`Cascade`.
    """

    cycle: Callable[[int], Method] = paper_cycle
    stop: StoppingRule = field(default_factory=lambda: MaxSteps(1))
    finish: StoppingRule | None = None
    judge: Judge | None = None

    def on_level(self, levels: int) -> Method:
        """Return the cycle for so many levels."""
        return self.cycle(levels)
