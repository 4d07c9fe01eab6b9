"""The recipe that `fit` uses when nothing else is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..mgopt import LBFGS, Adam, Cascade, Hierarchy, Judge, LevelOptimizer, Stall
from ..resnet import LayeredObjective
from ..resnet.network import Array
from ..resnet.problem import hierarchy_of
from ..schemes import Euler

LEAST_DEPTH = 16
LEAST_DEPTH_ON_BATCHES = 8
LARGEST_STEP = 0.64
"""Step size T / K0 of the coarsest level that is not exceeded if the depth allows it."""

LEAST_FACTOR = 4
"""A matched layer costs two, so a network of half the layers would cost as much as the finest."""

MOST_PAIRS, LEAST_PAIRS = 100, 10
PAIRS_MEMORY = 2**28
"""Pairs of L-BFGS on a level, and the bytes that they may take where that leaves the least."""

EXPECTED_STEPS = {"coarsest": 55, "coarse": 80}
"""Steps on a level before it is left: medians of 8 seeds on spirals, digits and flow, rounded."""


@dataclass(frozen=True)
class Recipe:
    """A hierarchy, the method to run on it, and where to start.

    Printed, it is a plan with the work that is expected on each level.

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

    def expected_work(self) -> list[float]:
        """Return the work units that are expected on each coarse level, finest first.

        A prediction from what a step costs there and how many steps levels took elsewhere, with a
        question to the finest level every work unit.  The finest level gets the rest of a budget.
        """
        last = len(self.hierarchy) - 1
        expected = []
        for l, level in enumerate(self.hierarchy[1:], start=1):
            assert level.cost is not None
            steps = EXPECTED_STEPS["coarsest" if l == last else "coarse"] * level.cost
            expected.append(4 / 3 * steps)
        return expected

    def __str__(self) -> str:
        lines = [str(self.method), str(self.hierarchy)]
        expected = self.expected_work()
        if expected:
            parts = [f"level {l} {work:.2g}" for l, work in enumerate(expected, start=1)]
            lines.append(
                f"expected work: {', '.join(reversed(parts))}: {sum(expected):.2g} work units "
                "before level 0 takes over, less where the judge sees a level stop to help"
            )
        return "\n".join(lines)


def recommended(f: LayeredObjective, *, batches: bool = False) -> Recipe:
    """Return the recipe for an objective: a cascade that asks the finest network.

    *All samples in every step.*  L-BFGS in the metric of L^2(0, T): no learning rate.  It works on
    a network of K0 forward Euler layers, then on networks of K0, 2 K0, ..., K/4 *matched* layers,
    which imitate the finest one to second order (see :class:`mgres.ResNet`), then on the finest.
    K0 is the smallest depth of at least 16 with T / K0 <= 0.64 that halving leads to.  A coarse
    level is left when the loss of the finest network, asked for now and then, no longer falls as
    fast as the next level promises: :class:`mgres.mgopt.Judge`.

    *Mini-batches.*  Adam with learning rate 0.03 in the same metric on networks of K0, 2 K0, ..., K
    Euler layers, K0 being at least 8; its moments are carried up.

    It has no parameters.  Its constants were chosen on seeds 0 to 7 of spirals, digits, flow and
    Hénon-Heiles; ``docs/method.md`` has the results on other seeds and problems.

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
    >>> [(level.details["layers"], level.details["scheme"]) for level in recipe.hierarchy]
    [(128, 'euler'), (32, 'matched(4)'), (16, 'matched(8)'), (16, 'euler')]
    """
    objectives = _coarse_euler(f, batches) if batches else _coarse_matched(f)
    judge = Judge()
    if batches:
        method = Cascade(Stall(smooth=True), judge=judge)
    else:
        method = Cascade(Stall(0.02, 40), "reset", finish=Stall(0.01, 100), judge=judge)
    optimizers = [Adam(0.03) if batches else _lbfgs(objective) for objective in objectives]
    return Recipe(hierarchy_of(objectives, optimizers), method)


def _coarse_matched(f: LayeredObjective) -> list[LayeredObjective]:
    """Return the objectives of networks that imitate the finest, which comes first."""
    depths = coarse_depths(f, batches=False)
    if f.net.scheme != Euler() or len(depths) == 1:
        return _coarse_euler(f, batches=False)
    factors = [f.net.depth // depth for depth in depths]
    matched = [f.coarsen(factor, "matched") for factor in factors if factor >= LEAST_FACTOR]
    return [f, *matched, f.coarsen(factors[-1])]


def _coarse_euler(f: LayeredObjective, batches: bool) -> list[LayeredObjective]:
    """Return the objectives of the same discretisation with larger steps."""
    depths = coarse_depths(f, batches)
    return [f, *(f.coarsen(f.net.depth // depth) for depth in depths[1:])]


def _lbfgs(objective: LayeredObjective) -> LevelOptimizer:
    pairs = PAIRS_MEMORY // (2 * objective.size * objective.dtype.itemsize)
    return LBFGS(min(max(pairs, LEAST_PAIRS), MOST_PAIRS))


def coarse_depths(f: LayeredObjective, batches: bool) -> list[int]:
    """Return K, K/2, ..., K0."""
    depths = [f.net.depth]
    least = LEAST_DEPTH_ON_BATCHES if batches else LEAST_DEPTH
    while (
        depths[-1] % 2 == 0
        and depths[-1] // 2 >= least
        and 2 * f.net.final_time / depths[-1] <= LARGEST_STEP
    ):
        depths.append(depths[-1] // 2)
    return depths
