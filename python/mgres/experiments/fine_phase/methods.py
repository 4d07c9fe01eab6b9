"""What works in the fine phase: L-BFGS alone, and V-cycles of two levels, repaired or not."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from ...mgopt import (
    LBFGS,
    Armijo,
    Coupling,
    FirstOrder,
    FixedStep,
    Hierarchy,
    NoCoupling,
    Schedule,
    Smoothing,
    StateDefect,
    StatePolicy,
    TrustRegion,
    VCycle,
)
from ...mgopt.cycles.method import Method as Works
from ...mgopt.optimizers.lbfgs import LBFGSState
from ...resnet import ResNetObjective, resnet_hierarchy


@dataclass(frozen=True)
class Single:
    """L-BFGS on the finest level.

    Attributes
    ----------
    memory : int
        Pairs of L-BFGS.
    """

    memory: int

    def prepare(self, f: ResNetObjective) -> tuple[Hierarchy, Works]:
        """Return hierarchy and method."""
        return resnet_hierarchy(f, 1, optimizer=LBFGS(self.memory), metric="time"), Smoothing()

    def finest(self, state: Any) -> LBFGSState:
        """Return what the finest level's optimiser remembers."""
        memory: LBFGSState = state.optimizer
        return memory

    def settings(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return {"memory": self.memory}


@dataclass(frozen=True)
class TwoLevel:
    """V-cycles with L-BFGS on the finest level and one coarse one.

    Attributes
    ----------
    steps : int
        On the coarse level.
    layers : int
        Of the coarse network.
    post : int
        On the finest level after the correction; none before.
    memory : int
        Pairs of L-BFGS.
    scheme : str
        Of the coarse network: "matched" or "euler".
    coupling : Coupling
        What ties the coarse objective to the fine one.
    trust : bool
        Trust region, with Armijo's rule after a bad ratio; otherwise that rule alone.
    state : StatePolicy
        What becomes of the pairs.
    """

    steps: int = 120
    layers: int = 64
    post: int = 2
    memory: int = 100
    scheme: str = "matched"
    coupling: Coupling = field(default_factory=StateDefect)
    trust: bool = True
    state: StatePolicy = "transfer"

    def prepare(self, f: ResNetObjective) -> tuple[Hierarchy, Works]:
        """Return hierarchy and method."""
        hierarchy = resnet_hierarchy(
            f,
            2,
            factor=f.net.depth // self.layers,
            optimizer=LBFGS(self.memory),
            metric="time",
            coarse_scheme=self.scheme,
        )
        schedule = Schedule.parse(f"[0/{self.post}, {{{self.steps}}}]")
        cycle = VCycle(
            schedule,
            FixedStep() if self.trust else Armijo(),
            coupling=self.coupling,
            trust=TrustRegion(1.0, otherwise=Armijo()) if self.trust else None,
            state=self.state,
        )
        return hierarchy, cycle

    def finest(self, state: Any) -> LBFGSState:
        """Return what the finest level's optimiser remembers."""
        memory: LBFGSState = state.levels[0].optimizer
        return memory

    def settings(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return {f.name: getattr(self, f.name) for f in fields(self)} | {
            "coupling": repr(self.coupling)
        }


Method = Single | TwoLevel

REFERENCE = "L-BFGS, 100 pairs"
REPAIRED = TwoLevel()
METHODS: dict[str, Method] = {
    REFERENCE: Single(100),
    "L-BFGS, 30 pairs": Single(30),
    "repaired V-cycle": REPAIRED,
    "80 coarse steps": replace(REPAIRED, steps=80),
    "40 coarse steps, 60 pairs": replace(REPAIRED, steps=40, memory=60),
    "pairs only down": replace(REPAIRED, state="down"),
    "fresh pairs": replace(REPAIRED, state="reset"),
    "without trust region": replace(REPAIRED, trust=False),
    "without tilt": replace(REPAIRED, coupling=StateDefect(first_order=False)),
    "without coupling": replace(REPAIRED, coupling=NoCoupling()),
    "without state defect": replace(REPAIRED, coupling=FirstOrder()),
    "Euler coarse network": replace(REPAIRED, scheme="euler"),
    "without any repair": replace(
        REPAIRED, scheme="euler", coupling=FirstOrder(), trust=False, state="reset"
    ),
}
"""The repaired V-cycle, and what becomes of it when one thing is changed."""

IN_QUICK = (REFERENCE, "repaired V-cycle", "without any repair")
