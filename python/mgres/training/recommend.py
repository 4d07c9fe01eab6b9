"""The recipe that `fit` uses when nothing else is said."""

from __future__ import annotations

from dataclasses import dataclass

from ..mgopt import LBFGS, Adam, Cascade, Hierarchy, LevelOptimizer, Stall
from ..resnet import ResNetObjective, resnet_hierarchy
from ..resnet.network import Array

LEAST_DEPTH = 16
LARGEST_STEP = 0.16
"""Coarsest step size T / K0: with larger steps networks fit their own discretisation error."""


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
        objective = self.hierarchy.finest
        assert isinstance(objective, ResNetObjective)
        coarsest = self.hierarchy.coarser(len(self.hierarchy) - 1).finest
        assert isinstance(coarsest, ResNetObjective)
        return objective.net.init(seed, coarse_depth=coarsest.net.depth)

    def __str__(self) -> str:
        return f"{self.method}\n{self.hierarchy}"


def recommended(f: ResNetObjective, *, batches: bool = False) -> Recipe:
    """Return the recipe for an objective: a cascade whose optimiser carries its memory up.

    Levels have K0, 2 K0, ..., K layers.  K0 is the smallest depth of at least 16 with
    T / K0 <= 0.16 that halving leads to.  With all samples in every step, L-BFGS works in the
    metric of L^2(0, T): no learning rate.  With mini-batches it is Adam with learning rate 0.03 in
    the same metric.

    Parameters
    ----------
    f : ResNetObjective
        The finest objective.
    batches : bool
        Whether training will use mini-batches.

    Examples
    --------
    >>> import numpy as np
    >>> from mgres import ResNet, ResNetObjective
    >>> net = ResNet(n_inputs=2, width=3, n_outputs=2, depth=64)
    >>> f = ResNetObjective(net, np.ones((4, 2), np.float32), np.array([0, 1, 0, 1]))
    >>> print(recommended(f))
    Cascade(stop=Stall(gain=0.01, over=40, smooth=False), state='transfer')
    level  layers       dt  parameters  gradient (WU)  optimizer
        0      64  0.01562         782              1  LBFGS()
        1      32  0.03125         398            0.5  LBFGS()
        2      16   0.0625         206           0.25  LBFGS()
    """
    levels = 1
    depth = f.net.depth
    while (
        depth % 2 == 0
        and depth // 2 >= LEAST_DEPTH
        and 2 * f.net.final_time / depth <= LARGEST_STEP
    ):
        depth //= 2
        levels += 1
    optimizer: LevelOptimizer = Adam(0.03) if batches else LBFGS()
    hierarchy = resnet_hierarchy(f, levels, optimizer=optimizer, metric="time")
    return Recipe(hierarchy, Cascade(Stall(smooth=batches)))
