"""Where the parameters of a network lie in one flat array."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..blocks import MODIFIERS

PARTS = ("opening", "blocks", "connections", "closing")

Array: TypeAlias = NDArray[np.floating[Any]]


class Views(NamedTuple):
    """Named, writable views into a flat parameter vector (or a gradient).

    Attributes
    ----------
    Q : ndarray, shape (width, n_inputs)
        Opening operator.
    W : ndarray, shape (depth, width, width)
        Weights of the layers; (depth, width / 2, width / 2) for verlet.
    b : ndarray, shape (depth, width)
        Biases of the layers; (depth, width / 2) for verlet.
    W_out : ndarray, shape (n_outputs, width)
        Weights of the classifier.
    b_out : ndarray, shape (n_outputs,)
        Biases of the classifier.
    """

    Q: Array
    W: Array
    b: Array
    W_out: Array
    b_out: Array


class BlockViews:
    """Named, writable views for layers of other arrays than W and b.

    Each array of a layer is an attribute, such as ``W1`` of :class:`mgres.blocks.TwoLayer`, with
    the layers as its first axis.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        All of them, in the order of the flat vector.

    Attributes
    ----------
    Q : ndarray, shape (width, n_inputs)
        Opening operator.
    W_out : ndarray, shape (n_outputs, width)
        Weights of the classifier.
    b_out : ndarray, shape (n_outputs,)
        Biases of the classifier.
    """

    Q: Array
    W_out: Array
    b_out: Array

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self.__dict__.update(arrays)

    def __getattr__(self, name: str) -> Array:
        known = ", ".join(self.__dict__)
        raise AttributeError(f"there is no array {name!r} in this network, only {known}")

    def __iter__(self) -> Iterator[Array]:
        return iter(self.__dict__.values())

    def _asdict(self) -> dict[str, Array]:
        return dict(self.__dict__)


Arrays: TypeAlias = dict[str, tuple[int, ...]]
"""Names and shapes of arrays, in their order."""


class StackPart(NamedTuple):
    """Equal layers that follow each other in the flat array.

    Attributes
    ----------
    part : slice
        Where they lie.
    depth : int
        How many there are.
    layer_size : int
        Parameters of one.
    layer_weights : int
        How many of them are weights and biases, which come first: regularisers mean those.
    dt : float
        The step size.
    """

    part: slice
    depth: int
    layer_size: int
    layer_weights: int
    dt: float


class Split(NamedTuple):
    """Views by name into the parts of a flat array; those of layers have the layers first."""

    opening: dict[str, Array]
    stacks: tuple[dict[str, Array], ...]
    connections: tuple[dict[str, Array], ...]
    closing: dict[str, Array]


@dataclass(frozen=True)
class Layout:
    """Where arrays lie: ``[opening | layers of each stack | connections | closing]``.

    Attributes
    ----------
    opening, closing : dict
        Names and shapes of their arrays.
    stacks : tuple of (int, dict)
        The depth of each, and the arrays of one layer.
    connections : tuple of dict
        The arrays of each.
    """

    opening: Arrays
    stacks: tuple[tuple[int, Arrays], ...]
    connections: tuple[Arrays, ...]
    closing: Arrays

    @cached_property
    def parts(self) -> dict[str, slice]:
        """Where the parts lie."""
        sizes = (
            _numbers(self.opening),
            sum(depth * _numbers(arrays) for depth, arrays in self.stacks),
            sum(map(_numbers, self.connections)),
            _numbers(self.closing),
        )
        ends = [*itertools.accumulate(sizes)]
        return {name: slice(end - n, end) for name, n, end in zip(PARTS, sizes, ends, strict=True)}

    @property
    def size(self) -> int:
        """The number of parameters."""
        return int(self.parts["closing"].stop)

    def stack_parts(self, steps: Iterable[float]) -> tuple[StackPart, ...]:
        """Return where the layers of each stack lie, with the step size of each."""
        found, start = [], int(self.parts["blocks"].start)
        for (depth, arrays), dt in zip(self.stacks, steps, strict=True):
            size = _numbers(arrays)
            weights = size - sum(math.prod(arrays.get(name, (0,))) for name in MODIFIERS)
            found.append(StackPart(slice(start, start + depth * size), depth, size, weights, dt))
            start += depth * size
        return tuple(found)

    def of_layers(self, stack: int) -> Arrays:
        """Return the shapes of the arrays of all layers of a stack."""
        depth, arrays = self.stacks[stack]
        return {name: (depth, *shape) for name, shape in arrays.items()}

    def split(self, theta: Array) -> Split:
        """Return named views into the flat array `theta`, without copying."""
        opening, blocks, connections, closing = (theta[self.parts[part]] for part in PARTS)
        stacks = []
        for depth, arrays in self.stacks:
            size = _numbers(arrays)
            layers = blocks[: depth * size].reshape(depth, size)
            stacks.append(_views(layers, arrays))
            blocks = blocks[depth * size :]
        maps = []
        for arrays in self.connections:
            maps.append(_views(connections[: _numbers(arrays)], arrays))
            connections = connections[_numbers(arrays) :]
        return Split(
            _views(opening, self.opening),
            tuple(stacks),
            tuple(maps),
            _views(closing, self.closing),
        )


def named_views(split: Split) -> Views | BlockViews:
    """Return the views of a network of one stack, in one object."""
    found = {**split.opening, **split.stacks[0], **split.closing}
    return Views(**found) if (*found,) == Views._fields else BlockViews(found)


def _numbers(arrays: Arrays) -> int:
    return sum(map(math.prod, arrays.values()))


def _views(flat: Array, arrays: Arrays) -> dict[str, Array]:
    """Return views of `arrays` that follow each other on the last axis of `flat`."""
    found, start = {}, 0
    for name, shape in arrays.items():
        end = start + math.prod(shape)
        found[name] = flat[..., start:end].reshape(*flat.shape[:-1], *shape)  # splits an axis
        start = end
    return found
