"""A network of several stacks as a module of PyTorch, operation by operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..blocks import Block
from ..resnet.layout import BlockViews
from ..schemes import Scheme
from ..stages import Conv, Linear, Map, Network, StateShape
from .operations import correlated, prepared, step


class _Step(NamedTuple):
    """What a step is told about the stack it belongs to."""

    block: Block
    scheme: Scheme
    dt: float


class StagedModule(nn.Module):
    """A :class:`mgres.Network` of PyTorch's own operations, for export and for GPUs.

    Made by :func:`to_module`; parameters are copies of those in `theta`, with the shapes of
    ``net.views(theta)``.

    Parameters
    ----------
    net : Network
        The network.
    theta : ndarray, shape (net.size,)
        Its parameters.

    Attributes
    ----------
    net : Network
    opening, closing : nn.ParameterDict
        W and b of these maps, where they have them.
    stacks, connections : nn.ModuleList of nn.ParameterDict
        The arrays of each; those of all layers of a stack are one parameter.
    """

    def __init__(self, net: Network, theta: NDArray[Any]) -> None:
        super().__init__()
        self.net = net
        views = net.views(theta)
        self.opening = _parameters(views.opening)
        self.stacks = nn.ModuleList(map(_parameters, views.stacks))
        self.connections = nn.ModuleList(map(_parameters, views.connections))
        self.closing = _parameters(views.closing)

    def forward(self, X: Tensor) -> Tensor:
        """Return the outputs, shape (n, n_outputs), of samples, shape (n, n_inputs)."""
        net, shapes = self.net, [stack.state_shape for stack in self.net.stacks]
        y = mapped(net.opening, net.input_shape, shapes[0], _named(self.opening), X)
        for i, stack in enumerate(net.stacks):
            if i > 0:
                connection = net.connections[i - 1]
                own = _named(self.connections[i - 1])
                y = mapped(connection, shapes[i - 1], shapes[i], own, y)
            settings = _Step(stack.block, net.scheme, stack.dt)
            arrays = prepared(stack.block, _named(self.stacks[i]))
            for layer in zip(*(array.unbind(0) for array in arrays.values()), strict=True):
                y = step(settings, dict(zip(arrays, layer, strict=True)), y)
        return mapped(net.closing, *net.closing_shapes, _named(self.closing), y)

    def extra_repr(self) -> str:
        """Return the settings of the network."""
        return str(self.net)


def mapped(
    given: Map, before: StateShape, behind: StateShape, p: Mapping[str, Tensor], y: Tensor
) -> Tensor:
    """Return what a map makes of states, samples as rows."""
    if isinstance(given, Linear):
        if given.pooled:
            y = y.reshape(len(y), before[0], -1).mean(-1)
        return functional.linear(y, p["W"], p.get("b"))
    images = y.reshape(len(y), *before)
    stride = [-(-n // m) for n, m in zip(before[1:], behind[1:], strict=True)]
    if isinstance(given, Conv):
        return correlated(images, p["W"], p.get("b"), given.padding, stride=stride).flatten(1)
    pooled = functional.avg_pool2d(images, stride)
    return functional.pad(pooled, (0, 0, 0, 0, 0, behind[0] - before[0])).flatten(1)


def _named(group: nn.Module) -> dict[str, Tensor]:
    return dict(group.named_parameters(recurse=False))


def _parameters(views: BlockViews) -> nn.ParameterDict:
    arrays: dict[str, NDArray[np.floating[Any]]] = views._asdict()
    return nn.ParameterDict(
        {name: nn.Parameter(torch.from_numpy(view.copy())) for name, view in arrays.items()}
    )
