"""From an estimator's parameters to the objects of the engine, in this one place.

=============  =====================================================================================
cycle          what is repeated
=============  =====================================================================================
``"cascade"``  steps on the coarsest level until they stall, then on the next, ...: `mgres.Cascade`
``"single"``   steps on the finest level only
``"V"``        V-cycles from the finest level: `mgres.VCycle`
``"W"``        W-cycles: `mgres.WCycle`
``"F"``        F-cycles: `mgres.FCycle`
``"fmg"``      V-cycles on each level, from the coarsest to the finest: `mgres.FullMultigrid`
=============  =====================================================================================

On all samples every level takes steps of L-BFGS and corrections are guarded by Armijo's rule; on
mini-batches it takes steps of Adam, and corrections are added as they are, because a line search
would over-fit the batch.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..mgopt import (
    LBFGS,
    Adam,
    Armijo,
    Cascade,
    FCycle,
    FixedStep,
    FullMultigrid,
    Hierarchy,
    LevelOptimizer,
    Method,
    Schedule,
    Smoothing,
    Stall,
    VCycle,
    WCycle,
)
from ..resnet import ResNetObjective, resnet_hierarchy
from ..training import recommended

CYCLES = ("cascade", "single", "V", "W", "F", "fmg")


@dataclass(frozen=True)
class Plan:
    """What to do to train.

    Attributes
    ----------
    levels : int or None
        Number of levels; None for as many as :func:`mgres.recommended` takes.
    cycle : str
        One of `CYCLES`.
    schedule : str or None
        Step counts of V, W or F in the paper's notation, such as ``"[(1),1,1,{2}]"``.
    learning_rate : float or None
        Of Adam; None for L-BFGS, which has none.
    stall : Stall
        When a level has had enough.
    """

    levels: int | None
    cycle: str
    schedule: str | None
    learning_rate: float | None
    stall: Stall

    def __post_init__(self) -> None:
        if self.cycle not in CYCLES:
            raise ValueError(f"cycle: expected one of {CYCLES}, got {self.cycle!r}")
        if self.schedule is not None and self.cycle not in ("V", "W", "F"):
            raise ValueError(f"schedule: is for the cycles V, W and F, got cycle={self.cycle!r}")

    def build(self, f: ResNetObjective) -> tuple[Hierarchy, Method]:
        """Return the levels whose finest is `f`, and what is repeated on them."""
        optimizer: LevelOptimizer
        optimizer = LBFGS() if self.learning_rate is None else Adam(self.learning_rate)
        hierarchy = resnet_hierarchy(f, self._count(f), optimizer=optimizer, metric="time")
        return hierarchy, self._method(len(hierarchy))

    def _method(self, levels: int) -> Method:
        line_search = Armijo() if self.learning_rate is None else FixedStep()

        def v_cycle(levels: int) -> Method:
            return Smoothing() if levels == 1 else VCycle(Schedule.paper(levels), line_search)

        if self.cycle == "cascade":
            return Cascade(self.stall)
        if self.cycle == "fmg":
            return FullMultigrid(v_cycle, self.stall)
        if levels == 1:
            return Smoothing()
        shape = {"V": VCycle, "W": WCycle, "F": FCycle}[self.cycle]
        text = self.schedule
        return shape(Schedule.paper(levels) if text is None else Schedule.parse(text), line_search)

    def _count(self, f: ResNetObjective) -> int:
        if self.cycle == "single":
            return 1
        if self.levels is not None:
            return self.levels
        if self.schedule is not None:
            return len(Schedule.parse(self.schedule))
        return len(recommended(f).hierarchy)
