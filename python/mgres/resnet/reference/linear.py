"""The linear maps of blocks in plain NumPy, for :mod:`mgres.resnet.reference`: samples as rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...blocks import Banded, Block, Pattern, Sparse

Numbers: TypeAlias = NDArray[Any]


class Linear(Protocol):
    """What a block does with its weights, whatever they are."""

    def apply(self, W: Numbers, x: Numbers) -> Numbers:
        """Return W x."""
        ...

    def transposed(self, W: Numbers, r: Numbers) -> Numbers:
        """Return W^T r."""
        ...

    def outer(self, W: Numbers, r: Numbers, x: Numbers) -> Numbers:
        """Return the derivative of <r, W x> by W, summed over the samples."""
        ...

    def spread(self, b: Numbers) -> Numbers:
        """Return a bias for each feature."""
        ...

    def total(self, b: Numbers, r: Numbers) -> Numbers:
        """Return the derivative of <r, spread(b)> by b, summed over the samples."""
        ...


class Matrix:
    """W: (outputs, inputs)."""

    def apply(self, W: Numbers, x: Numbers) -> Numbers:
        """Return W x."""
        return x @ W.T

    def transposed(self, W: Numbers, r: Numbers) -> Numbers:
        """Return W^T r."""
        return r @ W

    def outer(self, W: Numbers, r: Numbers, x: Numbers) -> Numbers:
        """Return r x^T."""
        return r.T @ x

    def spread(self, b: Numbers) -> Numbers:
        """Return the bias as it is."""
        return b

    def total(self, b: Numbers, r: Numbers) -> Numbers:
        """Return the sum over the samples."""
        total: Numbers = r.sum(axis=0)
        return total


@dataclass(frozen=True)
class Convolution:
    """W: (outputs, inputs of a group, kernel rows, kernel columns), images of a fixed size.

    Attributes
    ----------
    pixels : (int, int)
        Height and width.
    groups : int
        See :class:`mgres.blocks.Filters`.
    periodic : bool
        Whether images go on from the opposite edge.
    """

    pixels: tuple[int, int]
    groups: int
    periodic: bool

    def _grouped(self, x: Numbers) -> Numbers:
        return x.reshape(len(x), self.groups, -1, *self.pixels)

    def _sources(self, W: Numbers, k: int, j: int) -> tuple[list[Numbers], list[Numbers]]:
        """Return rows and columns that tap (k, j) reads from, and those that it writes to."""
        read, written = [], []
        for size, taps, tap in zip(self.pixels, W.shape[2:], (k, j), strict=True):
            at = np.arange(size) + tap - taps // 2
            inside = np.ones(size, bool) if self.periodic else (at >= 0) & (at < size)
            read.append(at[inside] % size)
            written.append(np.arange(size)[inside])
        return read, written

    def _taps(self, W: Numbers) -> Any:
        """Yield each tap's weights by groups, and the pixels that it reads from and writes to."""
        grouped = W.reshape(self.groups, -1, *W.shape[1:])
        for k, j in np.ndindex(W.shape[2:]):
            (rows, columns), (to_rows, to_columns) = self._sources(W, k, j)
            yield (k, j), grouped[..., k, j], np.ix_(rows, columns), np.ix_(to_rows, to_columns)

    def apply(self, W: Numbers, x: Numbers) -> Numbers:
        """Return W * x."""
        images = self._grouped(x)
        shape = (len(x), self.groups, len(W) // self.groups, *self.pixels)
        out = np.zeros(shape, np.result_type(W, x))
        for _, w, read, written in self._taps(W):
            out[(..., *written)] += np.einsum("goc,ngchw->ngohw", w, images[(..., *read)])
        return out.reshape(len(x), -1)

    def transposed(self, W: Numbers, r: Numbers) -> Numbers:
        """Return W^T r."""
        images = self._grouped(r)
        out = np.zeros((len(r), self.groups, W.shape[1], *self.pixels), np.result_type(W, r))
        for _, w, read, written in self._taps(W):  # no pixel is read twice by one tap
            out[(..., *read)] += np.einsum("goc,ngohw->ngchw", w, images[(..., *written)])
        return out.reshape(len(r), -1)

    def outer(self, W: Numbers, r: Numbers, x: Numbers) -> Numbers:
        """Return the derivative of <r, W * x> by W."""
        to, images = self._grouped(r), self._grouped(x)
        out = np.zeros((self.groups, len(W) // self.groups, *W.shape[1:]), np.result_type(r, x))
        for tap, _, read, written in self._taps(W):
            out[(..., *tap)] = np.einsum(
                "ngohw,ngchw->goc", to[(..., *written)], images[(..., *read)]
            )
        return out.reshape(W.shape)

    def spread(self, b: Numbers) -> Numbers:
        """Return each channel's number for all its pixels."""
        return np.repeat(b, self.pixels[0] * self.pixels[1])

    def total(self, b: Numbers, r: Numbers) -> Numbers:
        """Return the sums over samples and pixels."""
        total: Numbers = r.reshape(len(r), len(b), -1).sum(axis=(0, 2))
        return total


@dataclass(frozen=True)
class Entries:
    """W: (entries,), those of a square matrix row by row.

    Attributes
    ----------
    pattern : Pattern or Banded
        Where they are.
    """

    pattern: Pattern | Banded

    def _matrix(self, W: Numbers, width: int) -> Numbers:
        full = np.zeros((width, width), W.dtype)
        full[self.pattern.places(width)] = W
        return full

    def apply(self, W: Numbers, x: Numbers) -> Numbers:
        """Return W x."""
        return MATRIX.apply(self._matrix(W, x.shape[1]), x)

    def transposed(self, W: Numbers, r: Numbers) -> Numbers:
        """Return W^T r."""
        return MATRIX.transposed(self._matrix(W, r.shape[1]), r)

    def outer(self, W: Numbers, r: Numbers, x: Numbers) -> Numbers:
        """Return r x^T where there are entries."""
        entries: Numbers = MATRIX.outer(W, r, x)[self.pattern.places(x.shape[1])]
        return entries

    def spread(self, b: Numbers) -> Numbers:
        """Return the bias as it is."""
        return b

    def total(self, b: Numbers, r: Numbers) -> Numbers:
        """Return the sum over the samples."""
        return MATRIX.total(b, r)


MATRIX = Matrix()


def linear_of(block: Block) -> Linear:
    """Return the map of the block's weights."""
    if isinstance(block, Sparse):
        return Entries(block.pattern)
    filters = block.filters
    if filters is None:
        return MATRIX
    return Convolution(filters.pixels, filters.groups, filters.padding == "periodic")
