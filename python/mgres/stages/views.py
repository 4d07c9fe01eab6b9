"""Named views into the parameters of a network of several stacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..resnet.layout import Array, BlockViews, Split


class StageViews(NamedTuple):
    """Named, writable views into a flat parameter vector (or a gradient).

    The arrays are attributes, such as ``views.stacks[0].W``; those of layers have the layers as
    their first axis.

    Attributes
    ----------
    opening, closing : BlockViews
        W and b of these maps, where they have them.
    stacks : tuple of BlockViews
        The arrays of the layers of each stack.
    connections : tuple of BlockViews
        W and b of what is between the stacks.
    """

    opening: BlockViews
    stacks: tuple[BlockViews, ...]
    connections: tuple[BlockViews, ...]
    closing: BlockViews

    def named(self) -> Iterator[tuple[str, Array]]:
        """Yield all arrays, with names such as "stacks.0.W"."""
        groups = [
            ("opening", self.opening),
            *((f"stacks.{i}", views) for i, views in enumerate(self.stacks)),
            *((f"connections.{i}", views) for i, views in enumerate(self.connections)),
            ("closing", self.closing),
        ]
        for group, views in groups:
            for name, array in views._asdict().items():
                yield f"{group}.{name}", array


def stage_views(split: Split) -> StageViews:
    """Return the views of a network of several stacks."""
    return StageViews(
        BlockViews(split.opening),
        tuple(map(BlockViews, split.stacks)),
        tuple(map(BlockViews, split.connections)),
        BlockViews(split.closing),
    )
