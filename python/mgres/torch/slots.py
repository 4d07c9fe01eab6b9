"""Where the parameters of a module lie in a flat array."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Array = NDArray[Any]


@dataclass(frozen=True)
class Slot:
    """One parameter of a module: its place in the module's part of a flat array."""

    name: str
    shape: tuple[int, ...]
    place: slice
    trains: bool


@dataclass(frozen=True)
class Slots:
    """The parameters of a module, one after the other, in the order of ``named_parameters``."""

    slots: tuple[Slot, ...]

    @classmethod
    def of(cls, module: nn.Module) -> Slots:
        """Return the slots for a module's parameters."""
        slots, start = [], 0
        for name, p in module.named_parameters():
            shape = tuple(p.shape)
            stop = start + math.prod(shape)
            slots.append(Slot(name, shape, slice(start, stop), p.requires_grad))
            start = stop
        return cls(tuple(slots))

    @property
    def size(self) -> int:
        """The number of parameters."""
        return self.slots[-1].place.stop if self.slots else 0

    def tensors(self, flat: Tensor) -> dict[str, Tensor]:
        """Return named views into a module's part of a flat tensor."""
        return {slot.name: flat[slot.place].view(slot.shape) for slot in self.slots}

    def leaves(self, flat: Tensor, gradient: Tensor) -> dict[str, Tensor]:
        """Return the same as leaves of a graph, whose derivatives are added to `gradient`."""
        leaves = self.tensors(flat)
        for slot in self.slots:
            if slot.trains:
                leaf = leaves[slot.name].requires_grad_()
                leaf.grad = gradient[slot.place].view(slot.shape)
        return leaves

    def gather(self, module: nn.Module, out: Array) -> None:
        """Write the parameters of `module` to its part of a flat array."""
        parameters = dict(module.named_parameters())
        for slot in self.slots:
            out[slot.place] = parameters[slot.name].detach().reshape(-1).numpy()

    @torch.no_grad()
    def scatter(self, flat: Array, module: nn.Module) -> None:
        """Write a module's part of a flat array to the parameters of `module`, in place."""
        parameters = dict(module.named_parameters())
        for slot in self.slots:
            parameters[slot.name].copy_(torch.tensor(flat[slot.place]).view(slot.shape))
