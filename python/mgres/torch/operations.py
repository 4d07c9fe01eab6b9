"""One layer of a network in PyTorch's operations: :mod:`mgres.resnet.reference` once more."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

from ..resnet import ResNet

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


def step(net: ResNet, W: Tensor, b: Tensor, y: Tensor) -> Tensor:
    """Return y_{k+1} from y_k and the effective weights, samples as rows."""
    h = net.dt

    def f(x: Tensor, weights: Tensor = W) -> Tensor:
        return sigma(net.activation, linear(x, weights, b))

    if net.scheme == "euler":
        return torch.add(y, f(y), alpha=h)
    if net.scheme == "matched":
        a = (net.substeps - 1) / (2 * net.substeps)
        k1 = f(y)
        return y + h * ((1 - a) * k1 + a * f(y + h * k1))
    if net.scheme == "rk4":
        k1 = f(y)
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + f(y + h * k3))
    if net.scheme == "verlet":
        p, q = y.chunk(2, -1)
        q = q - h * f(p, W.T)
        return torch.cat([p + h * f(q), q], -1)
    raise ValueError(f"scheme: {net.scheme!r} is unknown")
