"""What modules do, tried on a few samples before they are trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from .layout import Array
from .network import TorchResNet
from .tensors import as_readable_tensor

ROWS = 4
TOLERANCE = {np.dtype(np.float32): 1e-3, np.dtype(np.float64): 1e-8}
"""Relative; what is to be noticed is much larger, rounding much smaller."""


@torch.no_grad()
def check_behaviour(net: TorchResNet, X: Array, y: Array, loss: Callable[..., Any]) -> None:
    """Raise a ValueError unless the engine may take for granted what it does.

    That outputs are a function of parameters and sample alone, that the blocks do the same with
    their parameters, and that the loss is a mean.
    """
    theta = net.init()
    flat = as_readable_tensor(theta)
    rows, targets = (as_readable_tensor(np.asarray(a)[:ROWS]) for a in (X, y))
    with torch.random.fork_rng(devices=[]):
        try:
            outputs = net.forward(flat, rows)
        except (RuntimeError, TypeError, IndexError) as error:
            raise ValueError(
                f"X: expected samples that the network takes, got shape {X.shape} of {X.dtype}: "
                f"{error}"
            ) from error
        if len(outputs) != len(rows):
            raise ValueError(
                f"head: expected one output a sample, {len(rows)}, got shape {tuple(outputs.shape)}"
            )
        if not torch.equal(outputs, net.forward(flat, rows)):
            raise ValueError(
                "net: expected the same outputs for the same samples, got others the second time: "
                "has a block dropout or another random part?"
            )
        if not _close(net, outputs[:1], net.forward(flat, rows[:1])):
            raise ValueError(
                "net: expected outputs that do not depend on the other samples, got others for "
                "one sample alone: has a block statistics over a batch?"
            )
        _check_blocks(net, rows)
        _check_loss(net, outputs, targets, loss)


def _check_blocks(net: TorchResNet, rows: Tensor) -> None:
    y = net.stem(rows)
    for k, block in enumerate(net.blocks):
        as_first = functional_call(net.blocks[0], dict(block.named_parameters()), (y,))
        if not _close(net, block(y), as_first):
            raise ValueError(
                f"blocks[{k}]: expected a block that does what blocks[0] does, but for the values "
                "of its parameters, got other outputs"
            )


def _check_loss(
    net: TorchResNet, outputs: Tensor, targets: Tensor, loss: Callable[..., Any]
) -> None:
    once = loss(outputs, targets)
    twice = loss(torch.cat([outputs, outputs]), torch.cat([targets, targets]))
    for found in (once, twice):
        if not isinstance(found, Tensor) or found.ndim:
            got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(f"loss: expected a scalar tensor, got {got}")
    if not _close(net, once, twice):
        raise ValueError(
            f"loss: expected the mean over samples, got {float(once):.4g} for some and "
            f"{float(twice):.4g} for twice the same: pass one with reduction='mean'"
        )


def _close(net: TorchResNet, a: Tensor, b: Tensor) -> bool:
    tolerance = TOLERANCE[net.dtype]
    scale = float(b.abs().max()) if b.numel() else 0.0
    return bool(torch.allclose(a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True))
