"""Regularisers by name."""

from __future__ import annotations

from ..resnet import CompiledNetwork, DecayToStart, Regularizer, Tikhonov
from ..resnet.network import Array
from ..resnet.regularizers import start_of_layers

REGULARIZERS = ("decay", "tikhonov", "none")


def make_regularizer(
    name: str, beta: float, net: CompiledNetwork, theta: Array
) -> Regularizer | None:
    """Return the regulariser of a name for a network that starts at `theta`."""
    if name == "decay":
        return DecayToStart(beta, start_of_layers(net, theta))
    return Tikhonov(beta, "time") if name == "tikhonov" else None
