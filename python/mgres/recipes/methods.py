"""From names to what is repeated on which levels, in this one place.

=================  =================================================================================
method             what is repeated
=================  =================================================================================
``"recommended"``  the recipe of :func:`mgres.recommended`
``"cascade"``      steps on the coarsest level until they stall, then on the next, ...:
                   :class:`mgres.Cascade`
``"single"``       steps on the finest level only
``"paper"``        the paper's V-cycles: gradient descent with learning rate 0.1 in the Euclidean
                   metric, corrections as they are
``"V"``            V-cycles from the finest level: :class:`mgres.VCycle`
``"W"``            W-cycles: :class:`mgres.WCycle`
``"F"``            F-cycles: :class:`mgres.FCycle`
``"fmg"``          V-cycles on each level, from the coarsest to the finest:
                   :class:`mgres.mgopt.FullMultigrid`
=================  =================================================================================

But for "paper", every method works in the metric of L^2(0, T), and on all samples its corrections
are guarded by Armijo's rule; on mini-batches they are added as they are, because a line search
would over-fit the batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..mgopt import (
    LBFGS,
    Adam,
    Armijo,
    Cascade,
    FCycle,
    FixedStep,
    FullMultigrid,
    Hierarchy,
    Judge,
    LevelOptimizer,
    Method,
    Schedule,
    Smoothing,
    Stall,
    VCycle,
    WCycle,
)
from ..resnet import LayeredObjective, resnet_hierarchy, smooth_start_depth
from ..resnet.network import Array
from .recommend import coarse_depths, recommended

CYCLES = ("cascade", "single", "V", "W", "F", "fmg")
METHODS = ("recommended", *CYCLES, "paper")
WITHOUT_OPTIMIZER = ("recommended", "paper")
NESTED = ("recommended", "cascade", "fmg")
"""Where coarse networks are trained first, and training ends when the finest stalls."""


@dataclass(frozen=True)
class Plan:
    """What to do to train.

    Attributes
    ----------
    cycle : str
        One of `METHODS`.
    optimizer : LevelOptimizer or None
        On every level; None for "recommended" and "paper", which have their own.
    levels : int or None
        Number of levels; None for as many as :func:`mgres.recommended` takes, or `schedule` has.
    schedule : str or None
        Step counts of V, W or F in the paper's notation, such as ``"[(1),1,1,{2}]"``.
    batches : bool
        Whether training uses mini-batches.
    stall : Stall or None
        When a level of nested iteration has had enough; None for the rule of the recipe.

    Raises
    ------
    ValueError
        If they do not fit each other.
    """

    cycle: str
    optimizer: LevelOptimizer | None = None
    levels: int | None = None
    schedule: str | None = None
    batches: bool = False
    stall: Stall | None = None

    def __post_init__(self) -> None:
        if self.cycle not in METHODS:
            raise ValueError(f"cycle: expected one of {METHODS}, got {self.cycle!r}")
        if self.schedule is not None and self.cycle not in ("V", "W", "F"):
            raise ValueError(f"schedule: is for the cycles V, W and F, got cycle={self.cycle!r}")
        if self.cycle == "recommended" and (self.optimizer, self.levels) != (None, None):
            raise ValueError("cycle: 'recommended' chooses levels and optimizer itself")
        if self.cycle == "paper" and self.optimizer is not None:
            raise ValueError("cycle: 'paper' has the paper's optimizer; for another one take 'V'")
        if self.cycle == "single" and self.levels not in (None, 1):
            raise ValueError(f"levels: the cycle 'single' has one level, got levels={self.levels}")
        if self.cycle not in WITHOUT_OPTIMIZER and self.optimizer is None:
            raise ValueError(f"optimizer: expected one for cycle={self.cycle!r}, got None")

    @property
    def is_nested(self) -> bool:
        """Whether coarse networks are trained first, and training ends when the finest stalls."""
        return self.cycle in NESTED

    @classmethod
    def named(
        cls, cycle: str, optimizer: LevelOptimizer | None, levels: int | None, batches: bool
    ) -> Plan:
        """Return the plan for a method by name, with L-BFGS or Adam unless `optimizer` is given."""
        if optimizer is None and cycle in CYCLES:
            optimizer = Adam(0.03) if batches else LBFGS()
        return cls(cycle, optimizer, levels, batches=batches)

    def start(self, f: LayeredObjective, hierarchy: Hierarchy, seed: int) -> Array:
        """Return where to start: smooth in t, but for the paper's independent layers."""
        if self.cycle == "paper":
            return f.net.init(seed)
        coarsest: Any = hierarchy.coarser(len(hierarchy) - 1).finest
        depth = coarsest.net.depth
        if len(hierarchy) == 1:
            depth = smooth_start_depth(f.net.depth, f.net.final_time)
        return f.net.init(seed, coarse_depth=depth)

    def build(self, f: LayeredObjective) -> tuple[Hierarchy, Method]:
        """Return the levels whose finest is `f`, and what is repeated on them.

        Raises
        ------
        ValueError
            If the levels do not fit the depth of the network, or the schedule not the levels.
        """
        if self.cycle == "paper":
            hierarchy = resnet_hierarchy(f, 1 if self.levels is None else self.levels)
            return hierarchy, VCycle(Schedule.paper(len(hierarchy)))
        if self.optimizer is None:
            recipe = recommended(f, batches=self.batches)
            method = recipe.method
            if self.stall is not None:
                method = replace(method, finish=self.stall)
            return recipe.hierarchy, method
        hierarchy = resnet_hierarchy(f, self._count(f), optimizer=self.optimizer, metric="time")
        return hierarchy, self._method(len(hierarchy))

    def _method(self, levels: int) -> Method:
        line_search = FixedStep() if self.batches else Armijo()
        stall = self.stall or Stall(smooth=self.batches)

        def v_cycle(levels: int) -> Method:
            return Smoothing() if levels == 1 else VCycle(Schedule.paper(levels), line_search)

        if self.cycle == "cascade":
            return Cascade(stall, "transfer" if self.batches else "reset", judge=Judge())
        if self.cycle == "fmg":
            return FullMultigrid(v_cycle, stall, judge=Judge())
        if levels == 1:
            return Smoothing()
        shape = {"V": VCycle, "W": WCycle, "F": FCycle}[self.cycle]
        text = self.schedule
        return shape(Schedule.paper(levels) if text is None else Schedule.parse(text), line_search)

    def _count(self, f: LayeredObjective) -> int:
        if self.cycle == "single":
            return 1
        if self.levels is not None:
            return self.levels
        if self.schedule is not None:
            return len(Schedule.parse(self.schedule))
        return len(coarse_depths(f, self.batches))
