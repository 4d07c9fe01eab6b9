"""The L1 penalty of a network, which makes weights exactly zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...checks import check_integer, number_of
from ...mgopt import L1, ProximalGradient, Rate
from ..layered import LayeredNetwork
from .regularizer import MEASURES


@dataclass(frozen=True)
class Lasso:
    r"""Sums of absolute values, scaled so that all levels mean the same functional.

    .. math::

        r(\theta) = \beta \Big( c_l \sum_k (\|W_k\|_1 + \|b_k\|_1)
                    + \|W_{out}\|_1 + \|b_{out}\|_1 \Big)

    with the sums of absolute values of all entries, and for other blocks of all their matrices and
    biases; Q, the scale of a norm and the pace are not penalised.  It has no derivative at 0,
    so it is no part of :class:`ResNetObjective`: the optimiser of each level has it and takes
    proximal steps, see :class:`mgres.mgopt.ProximalGradient`.

    With constant prolongation P, r_l(P theta) = r_{l-1}(theta).  In the metric that goes with the
    measure, a step of length alpha takes the same from each |theta_k| on all levels:

    ========  ====================  =============  ===========================
    measure   c_l                   metric         taken in a step
    ========  ====================  =============  ===========================
    time      dt_l                  "time"         alpha beta
    layers    K_finest / K_l        "euclidean"    alpha beta K_finest / K_l
    ========  ====================  =============  ===========================

    In the second row, as in all of the Euclidean metric, a coarse step of the same rate is as many
    times longer as a coarse layer stands for fine ones.

    Attributes
    ----------
    beta : float
        Strength, at least 0.
    measure : str
        "time" or "layers", as of :class:`Tikhonov`.

    Examples
    --------
    >>> import mgres
    >>> X, y, *_ = mgres.datasets.circles(seed=1)
    >>> net = mgres.ResNet(n_inputs=2, width=3, n_outputs=2, depth=64)
    >>> f = mgres.ResNetObjective(net, X, y)
    >>> optimizers = Lasso(1e-3).optimizers(net, learning_rate=0.1, levels=3)
    >>> hierarchy = mgres.resnet_hierarchy(f, 3, optimizer=optimizers, metric="time")
    """

    beta: float
    measure: str = "time"

    def __post_init__(self) -> None:
        if not 0 <= number_of(self.beta) < math.inf:
            raise ValueError(f"beta: expected a number >= 0, got {self.beta!r}")
        if self.measure not in MEASURES:
            raise ValueError(f"measure: expected one of {MEASURES}, got {self.measure!r}")

    def penalty(
        self, net: LayeredNetwork, finest_depth: int | None = None, fixed: Sequence[str] = ()
    ) -> L1:
        """Return the penalty of one level; its `value` is r.

        Parameters
        ----------
        net : ResNet or other LayeredNetwork
            The network of the level.
        finest_depth : int, optional
            How many layers the finest level has; by default as many as `net`.
        fixed : sequence of str
            Parts of the parameters ("opening", "blocks", "closing") that shall not change and are
            not penalised.
        """
        finest = net.depth if finest_depth is None else finest_depth
        weights = np.zeros(net.size, net.dtype)
        for stack in net.stack_parts if "blocks" not in fixed else ():
            c = stack.dt if self.measure == "time" else finest / net.depth
            layers = weights[stack.part].reshape(stack.depth, stack.layer_size)
            layers[:, : stack.layer_weights] = self.beta * c
        for part in {"connections", "closing"} - {*fixed}:
            weights[net.part(part)] = self.beta
        return L1(weights)

    def optimizers(
        self,
        net: LayeredNetwork,
        learning_rate: Rate,
        levels: int,
        *,
        factor: int = 2,
        fixed: Sequence[str] = (),
    ) -> list[ProximalGradient]:
        """Return proximal gradient descent for each level of a hierarchy, finest first.

        Parameters
        ----------
        net : ResNet or other LayeredNetwork
            The network of the finest level.
        learning_rate : float or LearningRate
            The step size on all levels.
        levels, factor : int
            As of :func:`mgres.resnet_hierarchy`.
        fixed : sequence of str
            As of :class:`ResNetObjective`.

        Raises
        ------
        ValueError
            If the levels do not fit the depth.
        """
        levels, factor = check_integer("levels", levels), check_integer("factor", factor, 2)
        if levels > net.depth.bit_length() or net.depth % factor ** (levels - 1):
            raise ValueError(
                f"levels: expected {net.depth} layers to be divisible by factor^(levels - 1), got "
                f"levels = {levels} and factor = {factor}"
            )
        return [
            ProximalGradient(
                learning_rate,
                self.penalty(net.with_depth(net.depth // factor**l), net.depth, fixed),
            )
            for l in range(levels)
        ]
