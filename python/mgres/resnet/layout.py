"""Where the parameters of a network lie in one flat array."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..blocks import MODIFIERS

PARTS = ("opening", "blocks", "closing")

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


@dataclass(frozen=True)
class Layout:
    """Where the arrays of a network lie: ``[Q | layer 0 | ... | layer K-1 | W_out b_out]``.

    Attributes
    ----------
    n_inputs, width, n_outputs, depth : int
        Of the network.
    arrays : dict
        Names and shapes of the arrays of one layer, in their order.
    """

    n_inputs: int
    width: int
    n_outputs: int
    depth: int
    arrays: dict[str, tuple[int, ...]]

    @cached_property
    def layer_size(self) -> int:
        """The number of parameters of one layer."""
        return sum(map(math.prod, self.arrays.values()))

    @property
    def layer_weights(self) -> int:
        """How many of them are weights and biases, which come first."""
        return self.layer_size - sum(math.prod(self.arrays.get(name, (0,))) for name in MODIFIERS)

    @property
    def size(self) -> int:
        """The number of parameters."""
        return int(self.parts["closing"].stop)

    @cached_property
    def parts(self) -> dict[str, slice]:
        """Where opening, layers and closing lie."""
        opening = self.width * self.n_inputs
        closing = opening + self.depth * self.layer_size
        end = closing + self.n_outputs * (self.width + 1)
        slices = slice(0, opening), slice(opening, closing), slice(closing, end)
        return dict(zip(PARTS, slices, strict=True))

    def views(self, theta: Array) -> Views | BlockViews:
        """Return named views into the flat array `theta`, without copying."""
        opening, blocks, closing = (theta[self.parts[part]] for part in PARTS)
        layers = blocks.reshape(self.depth, self.layer_size)
        found, start = {"Q": opening.reshape(self.width, self.n_inputs)}, 0
        for name, shape in self.arrays.items():
            end = start + math.prod(shape)
            found[name] = layers[:, start:end].reshape(self.depth, *shape)  # splits an axis: a view
            start = end
        weights = self.n_outputs * self.width
        found["W_out"] = closing[:weights].reshape(self.n_outputs, self.width)
        found["b_out"] = closing[weights:]
        return Views(**found) if (*found,) == Views._fields else BlockViews(found)
