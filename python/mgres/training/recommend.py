"""The recipe that `fit` uses when nothing else is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..mgopt import LBFGS, Adam, Cascade, Hierarchy, Level, LevelOptimizer, Race, Stall
from ..resnet import DepthTransfer, LayeredObjective, time_metric
from ..resnet.network import Array

LEAST_DEPTH = 16
LARGEST_STEP = 0.64
"""Step size T / K0 of the coarsest level that is not exceeded if the depth allows it."""

MOST_STARTS = 4
RACE_STEPS = 60
STEPS_BEFORE_RACING = 8
"""A second start must be so many times cheaper, step by step, than a step on the finest level."""


@dataclass(frozen=True)
class Recipe:
    """A hierarchy, the method to run on it, and where to start.

    Attributes
    ----------
    hierarchy : Hierarchy
        Its finest level is the objective that the recipe was made for.
    method : Cascade
        What is repeated.
    """

    hierarchy: Hierarchy
    method: Cascade

    def start(self, seed: int) -> Array:
        """Return initial parameters, smooth in t: drawn on the coarsest level, prolonged."""
        finest: Any = self.hierarchy.finest
        coarsest: Any = self.hierarchy.coarser(len(self.hierarchy) - 1).finest
        start: Array = finest.net.init(seed, coarse_depth=coarsest.net.depth)
        return start

    def __str__(self) -> str:
        return f"{self.method}\n{self.hierarchy}"


def recommended(f: LayeredObjective, *, batches: bool = False) -> Recipe:
    """Return the recipe for an objective: a cascade whose optimiser carries its memory up.

    Levels have K0, 2 K0, ..., K layers.  K0 is the smallest depth of at least 16 with
    T / K0 <= 0.64 that halving leads to.

    *All samples in every step.*  L-BFGS in the metric of L^2(0, T) on every level: no learning
    rate.  On the coarsest level up to four starts race for 60 steps each; fewer if the network is
    not deep enough for that to be cheap.  Coarse networks with matched steps (see
    :class:`mgres.ResNet`) are bridges: where the goal nearly holds on the finest level, they repair
    what the coarse network has fitted of its own discretisation error.

    *Mini-batches.*  Adam with learning rate 0.03 in the same metric, whose moments are carried up.

    Settings were chosen on seeds 0 to 39 of the problems spirals, flow and digits of
    ``mgres compare``; ``docs/method.md`` has the results on other seeds.

    Parameters
    ----------
    f : ResNetObjective or other LayeredObjective
        The finest objective.
    batches : bool
        Whether training will use mini-batches.

    Examples
    --------
    >>> import numpy as np
    >>> from mgres import ResNet, ResNetObjective
    >>> net = ResNet(n_inputs=2, width=3, n_outputs=2, depth=128)
    >>> f = ResNetObjective(net, np.ones((4, 2), np.float32), np.array([0, 1, 0, 1]))
    >>> recipe = recommended(f)
    >>> [level.details["layers"] for level in recipe.hierarchy]
    [128, 64, 32, 32, 16]
    >>> recipe.method.race is None
    True
    """
    optimizer: LevelOptimizer = Adam(0.03) if batches else LBFGS()
    depths = _depths(f)
    bridges = not batches and f.net.scheme == "euler"
    objectives: list[tuple[LayeredObjective, bool]] = []
    for i, depth in enumerate(depths):
        factor = f.net.depth // depth
        if bridges and 0 < i < len(depths) - 1 and factor >= 4:
            objectives.append((f.coarsen(factor, "matched"), True))
        objectives.append((f.coarsen(factor) if factor > 1 else f, False))
    levels = [
        Level(
            objective,
            optimizer,
            DepthTransfer(objective.net, objectives[l + 1][0].net)
            if l + 1 < len(objectives)
            else None,
            time_metric(objective.net),
            cost=objective.net.depth * objective.net.stages / (f.net.depth * f.net.stages),
            bridge=bridge,
            details={
                "layers": objective.net.depth,
                "dt": f"{objective.net.dt:.4g}",
                "scheme": objective.net.scheme,
            },
        )
        for l, (objective, bridge) in enumerate(objectives)
    ]
    starts = min(MOST_STARTS, f.net.depth // depths[-1] // STEPS_BEFORE_RACING)
    race = None
    if not batches and starts > 1:
        race = Race(starts, RACE_STEPS, objectives[-1][0].net.part("blocks"))
    return Recipe(Hierarchy(levels), Cascade(Stall(smooth=batches), race=race))


def _depths(f: LayeredObjective) -> list[int]:
    """Return K, K/2, ..., K0."""
    depths = [f.net.depth]
    while (
        depths[-1] % 2 == 0
        and depths[-1] // 2 >= LEAST_DEPTH
        and 2 * f.net.final_time / depths[-1] <= LARGEST_STEP
    ):
        depths.append(depths[-1] // 2)
    return depths
