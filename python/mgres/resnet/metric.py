"""The inner product of L^2(0, T) for parameters that are functions of t."""

from __future__ import annotations

import numpy as np

from ..mgopt import Diagonal
from .layered import LayeredNetwork


def time_metric(net: LayeredNetwork) -> Diagonal:
    """Return the metric of theta in L^2(0, T) for the layers, Euclidean for the rest.

    The layers' controls are samples of a function theta(t), so their inner product is a Riemann
    sum with weight dt.  The gradient of a functional of theta(t) then is g_k / dt in each layer,
    and a learning rate means the same at every depth and on every level.

    Parameters
    ----------
    net : ResNet or LayeredNetwork
        The network of the level.
    """
    weights = np.ones(net.size, net.dtype)
    for stack in net.stack_parts:
        weights[stack.part] = stack.dt
    return Diagonal(weights)
