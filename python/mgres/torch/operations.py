"""One layer of a network in PyTorch's operations: :mod:`mgres.resnet.reference` once more."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import linear

from ..resnet import LayeredNetwork, ResNet

SMOOTH = 0.1
"""Half width of the parabola of smooth_relu."""


def sigma(activation: str, z: Tensor) -> Tensor:
    """Return the activation at `z`."""
    if activation == "relu":
        return torch.relu(z)
    if activation == "tanh":
        return torch.tanh(z)
    if activation == "logistic":
        return torch.sigmoid(z)
    if activation == "identity":
        return z
    if activation == "smooth_relu":
        # the parabola, held at its ends, and above them the rest of relu
        return (z.clamp(-SMOOTH, SMOOTH) + SMOOTH) ** 2 / (4 * SMOOTH) + torch.relu(z - SMOOTH)
    raise ValueError(f"activation: {activation!r} is unknown")


def effective_weights(net: ResNet, W: Tensor) -> Tensor:
    """Return the matrices that the layers multiply with, shape (K, v, v)."""
    if net.weights == "free":
        return W
    identity = torch.eye(W.shape[-1], dtype=W.dtype, device=W.device)
    return (W - W.transpose(-1, -2)) / 2 - net.damping * identity


def advance(net: LayeredNetwork, f: Callable[[Tensor], Tensor], y: Tensor) -> Tensor:
    """Return y_{k+1} from y_k by the scheme of `net`, verlet aside, for a layer y' = `f`(y)."""
    h = net.dt
    if net.scheme == "euler":
        return torch.add(y, f(y), alpha=h)
    k1 = f(y)
    if net.scheme == "matched":
        a = (net.substeps - 1) / (2 * net.substeps)
        return y + h * ((1 - a) * k1 + a * f(y + h * k1))
    if net.scheme == "rk4":
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + f(y + h * k3))
    raise ValueError(f"scheme: {net.scheme!r} is unknown")


def step(net: ResNet, W: Tensor, b: Tensor, y: Tensor) -> Tensor:
    """Return y_{k+1} from y_k and the effective weights, samples as rows."""

    def f(x: Tensor, weights: Tensor = W) -> Tensor:
        return sigma(net.activation, linear(x, weights, b))

    if net.scheme != "verlet":
        return advance(net, f, y)
    p, q = y.chunk(2, -1)
    q = q - net.dt * f(p, W.T)
    return torch.cat([p + net.dt * f(q), q], -1)
