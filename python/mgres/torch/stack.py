"""Modules for networks of residual blocks."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class ResidualStack(nn.Module):
    r"""A stem, residual blocks in forward-Euler steps, a head.

    .. math:: y_0 = stem(x), \quad y_{k+1} = y_k + h\, block_k(y_k), \quad z = head(y_K)

    Parameters
    ----------
    stem : nn.Module
    blocks : iterable of nn.Module
    head : nn.Module
    step : float
        The step size h.
    """

    def __init__(
        self, stem: nn.Module, blocks: Iterable[nn.Module], head: nn.Module, step: float
    ) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = nn.ModuleList(blocks)
        self.head = head
        self.step = step

    def forward(self, X: Tensor) -> Tensor:
        """Return the outputs for samples X."""
        y = self.stem(X)
        for block in self.blocks:
            y = torch.add(y, block(y), alpha=self.step)
        out: Tensor = self.head(y)
        return out

    def extra_repr(self) -> str:
        """Return the step size."""
        return f"step={self.step:g}"


class WithoutSkip(nn.Module):
    """The residual of a block that adds its input itself: block(y) - y.

    With ``final_time=len(blocks)``, so that h = 1, a network of such blocks is what it was.

    Parameters
    ----------
    block : nn.Module

    Examples
    --------
    >>> import torch
    >>> class Block(torch.nn.Linear):
    ...     def forward(self, y):
    ...         return y + super().forward(y)
    >>> WithoutSkip(Block(3, 3))(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, y: Tensor) -> Tensor:
        """Return block(y) - y."""
        residual: Tensor = self.block(y) - y
        return residual
