"""Decay towards the start: the regulariser for data of one's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...checks import check_plain, number_of
from ..layered import LayeredNetwork
from .regularizer import Penalty

Array = NDArray[Any]


@dataclass(frozen=True)
class DecayToStart:
    r"""Squared distance of the blocks from their start, squared norms of Q and the classifier.

    .. math::

        R(\theta) = \beta \Big( \|Q\|_F^2
                    + \Delta t_l \sum_k \|W_k - W_k^0\|_F^2 + \|b_k - b_k^0\|^2
                    + \|W_{out}\|_F^2 + \|b_{out}\|^2 \Big)

    with all parameters of a layer for other blocks.  With it a strong regulariser leaves a random
    nonlinear flow with a linear map behind it, not a linear model as decay towards zero does.
    Every level uses the means of :math:`\theta^0` over the layers that one of its own stands for;
    of a start that is constant there, all levels mean the same functional.

    That holds for the scale of a norm and the pace as well, which :class:`Tikhonov` leaves alone:
    their starts, 1 and 0, change nothing, so that the pull towards them switches nothing off, and
    without it the weights' distance could be had for nothing by a scale or a pace that grows.

    Source: X. Li, Y. Grandvalet and F. Davoine, Explicit inductive bias for transfer learning with
    convolutional networks, ICML 2018, for decay towards a start.

    Attributes
    ----------
    beta : float
        Strength.
    blocks : ndarray, shape (K, layer_size)
        The start of the blocks on the finest level, of several stacks one after the
        other, flat.
    """

    beta: float
    blocks: Array

    def __post_init__(self) -> None:
        if not 0 <= number_of(self.beta) < math.inf:
            raise ValueError(f"beta: expected a number >= 0, got {self.beta!r}")
        if not isinstance(self.blocks, np.ndarray):
            raise TypeError(f"blocks: expected a numpy array, got {type(self.blocks).__name__}")
        check_plain("blocks", self.blocks)
        if not np.isfinite(self.blocks).all():
            raise ValueError("blocks: expected finite numbers")

    def bind(self, net: LayeredNetwork, finest_depth: int, fixed: Sequence[str] = ()) -> Penalty:
        """Return the penalty for one level; see :class:`mgres.resnet.Regularizer`.

        Raises
        ------
        ValueError
            If `blocks` has another shape.
        """
        stacks, factor = net.stack_parts, finest_depth // net.depth
        numbers = factor * sum(stack.depth * stack.layer_size for stack in stacks)
        expected = (finest_depth, stacks[0].layer_size) if len(stacks) == 1 else (numbers,)
        if self.blocks.shape != expected:
            raise ValueError(f"blocks: expected shape {expected}, got {self.blocks.shape}")
        center = np.zeros(net.size, net.dtype)
        weights = np.full(net.size, self.beta, net.dtype)
        start = self.blocks.ravel()
        for stack in stacks:
            layers = start[: factor * stack.depth * stack.layer_size]
            start = start[len(layers) :]
            means = layers.reshape(stack.depth, factor, stack.layer_size).mean(axis=1)
            center[stack.part] = means.ravel()
            weights[stack.part] *= stack.dt
        free = np.ones(net.size, net.dtype)
        for part in fixed:
            free[net.part(part)] = 0
        return _Distance(center, weights, free)


def start_of_layers(net: LayeredNetwork, theta: Array) -> Array:
    """Return a copy of the layers in `theta`, as :class:`DecayToStart` takes them."""
    layers = theta[net.part("blocks")].copy()
    stacks = net.stack_parts
    return layers.reshape(stacks[0].depth, -1) if len(stacks) == 1 else layers


class _Distance:
    """A weighted squared distance from a point."""

    def __init__(self, center: Array, weights: Array, free: Array) -> None:
        self._center = center
        self._weights = weights
        self._free = free

    def value(self, theta: Array) -> float:
        distance = theta - self._center
        return float(distance @ (self._weights * distance))

    def add_gradient(self, theta: Array, out: Array) -> float:
        distance = theta - self._center
        pull = self._weights * distance
        value = float(distance @ pull)
        pull *= 2 * self._free
        out += pull
        return value

    def add_product(self, theta: Array, v: Array, out: Array) -> None:
        out += 2 * self._free * self._weights * v
