"""Convolutional networks of several stages, in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..blocks import Conv2d, check_size
from ..schemes import Scheme
from .maps import Conv, Linear
from .network import Network
from .stack import Stack

CHANNELS = (8, 16, 32)
LARGE = 20
"""Pixels along the longer side from which the opening takes every second pixel."""


def convolutional(
    inputs: Sequence[int],
    outputs: int,
    *,
    depth: int = 64,
    channels: Sequence[int] = CHANNELS,
    kernel: int = 3,
    activation: str = "silu",
    norm: str | None = None,
    final_time: float = 2.5,
    stride: int | None = None,
    pooled: bool = False,
    scheme: str | Scheme | None = None,
    dtype: DTypeLike = np.float32,
) -> Network:
    """Return a residual network for images: stacks of convolutions, each on half as many pixels.

    The opening is a convolution, in steps of `stride` pixels; between two stacks there is one in
    steps of two, rounded up, and behind the last one a full matrix.  Many networks pool the last
    image before it: with few pixels left that saves little and makes the start of training slow.

    Parameters
    ----------
    inputs : (int, int, int)
        Channels, height and width of an image.
    outputs : int
        How many classes, or quantities.
    depth : int
        Layers of each stack.
    channels : sequence of int
        Those of the stacks, of which there are as many.
    kernel : int
        The odd size of all kernels.
    activation, norm
        Of the layers, see :class:`mgres.blocks.Conv2d`.
    final_time : float
        T of each stack.
    stride : int, optional
        By default 2 for images of 20 pixels or more along a side, and 1 otherwise.
    pooled : bool
        Whether the classifier sees the means of the channels only.
    scheme, dtype
        See :class:`mgres.Network`.

    Raises
    ------
    ValueError
        If sizes do not fit each other.

    Examples
    --------
    >>> net = convolutional((1, 28, 28), 10)
    >>> [stack.state_shape for stack in net.stacks], net.size
    ([(8, 14, 14), (16, 7, 7), (32, 4, 4)], 787090)
    """
    if not isinstance(inputs, (tuple, list)) or len(inputs) != 3:
        raise ValueError(f"inputs: expected channels, height and width, got {inputs!r}")
    if isinstance(channels, str) or not len(channels):
        raise ValueError(f"channels: expected one number for each stack, got {channels!r}")
    _, height, width = (check_size("inputs", n) for n in inputs)
    step = (2 if max(height, width) >= LARGE else 1) if stride is None else stride
    step = check_size("stride", step)
    parts: list[Any] = []
    for number in channels:
        height, width = -(-height // step), -(-width // step)
        block = Conv2d(number, (height, width), kernel, activation=activation, norm=norm)
        parts += [Conv(kernel), Stack(depth, block, final_time=final_time)]
        step = 2
    opening, *rest = parts
    closing = Linear(pooled)
    return Network(
        opening, rest, closing, inputs=inputs, outputs=outputs, scheme=scheme, dtype=dtype
    )
