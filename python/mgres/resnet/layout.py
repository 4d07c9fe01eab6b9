"""Where the parameters of a network lie in one flat array."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

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


def named_views(arrays: Mapping[str, Array]) -> Views | BlockViews:
    """Return the views as the object that has them as attributes."""
    return Views(**arrays) if (*arrays,) == Views._fields else BlockViews(arrays)
