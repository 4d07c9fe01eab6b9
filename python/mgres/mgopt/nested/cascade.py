"""The cascade: nested iteration with the level's optimiser."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..carrier import Carrier
from ..cycles.method import Smoothing
from ..cycles.stopping import Stall, StoppingRule
from ..hierarchy import Hierarchy
from ..objective import Vector
from .iteration import NestedIteration, NestedState
from .judge import Judge

STATES = ("transfer", "reset")


@dataclass(frozen=True)
class Cascade(NestedIteration):
    """Minimise on the coarsest level, prolong, minimise on the next, ... up to the finest.

    Parameters are prolonged by P.  What the optimiser remembers of a level (pairs of L-BFGS,
    moments, velocity) is carried to the next finer one, see :class:`Carrier`, or forgotten.

    Attributes
    ----------
    stop : StoppingRule
        When a level has done enough.
    state : str
        "transfer" carries the optimiser's state along, "reset" starts afresh on each level, and so
        does a level whose optimiser is of another kind than that below it.
    finish : StoppingRule or None
        When to end on the finest level; by default `stop`.
    judge : Judge or None
        Leaves a coarse level too when the finest objective says so, and keeps the best point that
        it has seen.  With None nobody asks: what :func:`mgres.fit` hands back from a coarse level
        then may be worse than with a smaller budget.
    """

    stop: StoppingRule = field(default_factory=Stall)
    state: str = "transfer"
    finish: StoppingRule | None = None
    judge: Judge | None = None

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ValueError(f"state: expected one of {STATES}, got {self.state!r}")

    def on_level(self, levels: int) -> Smoothing:
        """Return what works on a level: steps of its optimiser."""
        return Smoothing()

    def enter(self, hierarchy: Hierarchy, x: Vector, state: NestedState, l: int) -> Any:
        """Return the state for level `l` at `x`, with what the coarser level has learnt."""
        fine = Smoothing().init(hierarchy.coarser(l), x)
        upper, lower = hierarchy[l], hierarchy[l + 1]
        if self.state == "transfer" and type(upper.optimizer) is type(lower.optimizer):
            assert upper.transfer is not None
            carrier = Carrier(upper.transfer, upper.metric, lower.metric)
            upper.optimizer.carry_up(fine.optimizer, state.inner.optimizer, carrier)
        return fine
