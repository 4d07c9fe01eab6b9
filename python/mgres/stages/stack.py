"""A stack: layers that are alike."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from ..blocks import Block, Custom, Dense, check_size, from_description
from ..checks import number_of
from .maps import StateShape


@dataclass(frozen=True)
class Stack:
    r"""Layers that are alike: :math:`y' = F(y; p(t))` for t from 0 to T in K steps.

    Attributes
    ----------
    depth : int
        The number of layers K.
    block : Block
        What a layer computes, see :mod:`mgres.blocks`.
    width : int
        Features of a state; those of images have theirs already.
    final_time : float
        T, in the units of t.

    Raises
    ------
    ValueError
        If a size is not a positive integer, T not positive, or the block has another width.
    TypeError
        If `block` is no compiled block.

    Examples
    --------
    >>> from mgres.blocks import Conv2d
    >>> Stack(64, Conv2d(8, (28, 28))).state_shape
    (8, 28, 28)
    """

    depth: int
    block: Block = field(default_factory=Dense)
    width: int | None = None
    final_time: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "depth", check_size("depth", self.depth))
        if not isinstance(self.block, Block) or isinstance(self.block, Custom):
            raise TypeError(
                "block: expected one of mgres.blocks, such as mgres.blocks.Conv2d(8, (28, 28)), "
                f"got {self.block!r}"
            )
        width = self.block.only_width if self.width is None else check_size("width", self.width)
        if width is None:
            raise ValueError(f"width: expected the features of a state for {self.block}, got none")
        object.__setattr__(self, "width", width)
        self.block.check(width)
        time = number_of(self.final_time)
        if not 0 < time < math.inf:
            raise ValueError(f"final_time: expected a positive number, got {self.final_time!r}")
        object.__setattr__(self, "final_time", float(time))

    @property
    def features(self) -> int:
        """The width, which is known by now."""
        assert self.width is not None
        return self.width

    @property
    def dt(self) -> float:
        """The step size T / K."""
        return self.final_time / self.depth

    @property
    def state_shape(self) -> StateShape:
        """Channels, height and width of a state."""
        filters = self.block.filters
        return (self.features, 1, 1) if filters is None else (filters.channels, *filters.pixels)

    def with_depth(self, depth: int) -> Stack:
        """Return the same stack with another number of layers and the same T."""
        return replace(self, depth=depth)

    def describe(self) -> dict[str, Any]:
        """Return the stack as plain values, as files hold it."""
        return {
            "depth": self.depth,
            "block": self.block.describe(),
            "width": self.width,
            "final_time": self.final_time,
        }


def stack_from(description: dict[str, Any]) -> Stack:
    """Return the stack that :meth:`Stack.describe` has described.

    Raises
    ------
    ValueError, TypeError, KeyError
        If it describes none.
    """
    return Stack(**{**description, "block": from_description(description["block"])})
