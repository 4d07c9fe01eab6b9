"""Residual networks of PyTorch's modules to train by levels."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

import mgres
from mgres.torch import TorchObjective, TorchResNet


def dense_parts(width=4, depth=8, n_inputs=2, n_outputs=3, dtype=torch.float64):
    torch.manual_seed(1)
    blocks = nn.ModuleList(nn.Sequential(nn.Linear(width, width), nn.Tanh()) for _ in range(depth))
    stem, head = nn.Linear(n_inputs, width, bias=False), nn.Linear(width, n_outputs)
    return stem.to(dtype), blocks.to(dtype), head.to(dtype)


class ConvBlock(nn.Module):
    """Normalisation, two convolutions: what residual blocks are made of, without the skip."""

    def __init__(self, channels=3):
        super().__init__()
        self.norm = nn.GroupNorm(1, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, y):
        return self.second(torch.tanh(self.first(self.norm(y))))


def conv_parts(depth=4, dtype=torch.float64):
    torch.manual_seed(1)
    stem = nn.Conv2d(1, 3, 3, padding=1)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    blocks = nn.ModuleList(ConvBlock() for _ in range(depth))
    return stem.to(dtype), blocks.to(dtype), head.to(dtype)


def samples(n=9, shape=(2,), classes=3, dtype=np.float64):
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, *shape)).astype(dtype), rng.integers(classes, size=n)


def dense(depth=8, n=9, dtype=torch.float64, final_time=2.0, **options):
    X, y = samples(n, dtype=np.float64 if dtype == torch.float64 else np.float32)
    net = TorchResNet(*dense_parts(depth=depth, dtype=dtype), final_time)
    return TorchObjective(net, X, y, **options)


def conv(depth=4, n=6, **options):
    X, y = samples(n, (1, 5, 5), 2)
    return TorchObjective(TorchResNet(*conv_parts(depth), 2.0), X, y, **options)


def twin(f: TorchObjective, loss="cross_entropy", **options) -> mgres.ResNetObjective:
    """Return the same dense network, computed by mgres itself: the parameters lie alike."""
    net = mgres.ResNet(
        n_inputs=f.net.stem.in_features,
        width=f.net.stem.out_features,
        n_outputs=f.net.head.out_features,
        depth=f.net.depth,
        final_time=f.net.final_time,
        activation="tanh",
        dtype=f.dtype,
        scheme=f.net.scheme,
        substeps=f.net.substeps,
    )
    return mgres.ResNetObjective(net, f.samples.X, f.samples.y, loss, **options)
