"""Where the parameters of stem, blocks and head lie in one flat array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from .slots import Slots

Array = NDArray[Any]
Parameters = dict[str, Tensor]


class TorchViews(NamedTuple):
    """Named, writable views into a flat parameter vector (or a gradient).

    Attributes
    ----------
    stem, head : dict of str to ndarray
        Parameters by their names in the modules.
    blocks : dict of str to ndarray, shape (depth, ...)
        Those of all blocks, stacked.
    """

    stem: dict[str, Array]
    blocks: dict[str, Array]
    head: dict[str, Array]


@dataclass(frozen=True)
class StackLayout:
    """The flat array [stem | block 0 | ... | block K-1 | head] of a network of K blocks."""

    stem: Slots
    block: Slots
    head: Slots
    depth: int

    def part(self, name: str) -> slice:
        """Return where "opening" (stem), "blocks", "connections" (none), "closing" (head) lie."""
        blocks = self.stem.size
        closing = blocks + self.depth * self.block.size
        return {
            "opening": slice(0, blocks),
            "blocks": slice(blocks, closing),
            "connections": slice(closing, closing),
            "closing": slice(closing, closing + self.head.size),
        }[name]

    @property
    def fixed(self) -> NDArray[np.bool_]:
        """Which entries belong to parameters without ``requires_grad``."""
        fixed = np.zeros(self.part("closing").stop, bool)
        for slots, part in self._rows(fixed):
            for slot in slots.slots:
                part[:, slot.place] = not slot.trains
        return fixed

    def gather(
        self, stem: nn.Module, blocks: Sequence[nn.Module], head: nn.Module, out: Array
    ) -> None:
        """Write the parameters of modules, one for each layer, to a flat array."""
        for (slots, rows), modules in zip(self._rows(out), ([stem], blocks, [head]), strict=True):
            for row, module in zip(rows, modules, strict=True):
                slots.gather(module, row)

    def scatter(
        self, theta: Array, stem: nn.Module, blocks: Sequence[nn.Module], head: nn.Module
    ) -> None:
        """Write a flat array to the parameters of modules, one for each layer."""
        for (slots, rows), modules in zip(self._rows(theta), ([stem], blocks, [head]), strict=True):
            for row, module in zip(rows, modules, strict=True):
                slots.scatter(row, module)

    def views(self, theta: Array) -> TorchViews:
        """Return named views into a flat array, without copying."""
        named = [
            {slot.name: rows[:, slot.place].reshape(len(rows), *slot.shape) for slot in slots.slots}
            for slots, rows in self._rows(theta)
        ]
        stem, head = ({name: view[0] for name, view in named[i].items()} for i in (0, 2))
        return TorchViews(stem, named[1], head)

    def parameters(self, flat: Tensor, gradient: Tensor | None) -> Iterator[Parameters]:
        """Yield the named parameters of stem, blocks and head as views into a flat tensor.

        With `gradient` they are leaves of a graph that adds derivatives there.
        """
        for name, slots in (("opening", self.stem), ("blocks", self.block), ("closing", self.head)):
            part = self.part(name)
            for k in range(self.depth if name == "blocks" else 1):
                row = slice(part.start + k * slots.size, part.start + (k + 1) * slots.size)
                if gradient is None:
                    yield slots.tensors(flat[row])
                else:
                    yield slots.leaves(flat[row], gradient[row])

    def _rows(self, flat: Array) -> list[tuple[Slots, Array]]:
        """Return the parts of a flat array as views (1, size), (K, size), (1, size)."""
        return [
            (self.stem, flat[self.part("opening")].reshape(1, self.stem.size)),
            (self.block, flat[self.part("blocks")].reshape(self.depth, self.block.size)),
            (self.head, flat[self.part("closing")].reshape(1, self.head.size)),
        ]
