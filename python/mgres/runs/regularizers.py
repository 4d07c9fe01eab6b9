"""Regularisers by name."""

from __future__ import annotations

from ..resnet import DecayToStart, Regularizer, ResNet, Tikhonov
from ..resnet.network import Array

REGULARIZERS = ("decay", "tikhonov", "none")


def make_regularizer(name: str, beta: float, net: ResNet, theta: Array) -> Regularizer | None:
    """Return the regulariser of a name for a network that starts at `theta`."""
    if name == "decay":
        blocks = theta[net.part("blocks")].reshape(net.depth, net.layer_size)
        return DecayToStart(beta, blocks.copy())
    return Tikhonov(beta, "time") if name == "tikhonov" else None
