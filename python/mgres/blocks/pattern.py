"""Which entries the sparse matrices of a network have."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..checks import check_integer
from .sizes import MOST_PARAMETERS

MOST_SHOWN = 100
"""Rows and entries of a pattern that shows itself in full."""

Places: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Row and column of each entry."""


@dataclass(frozen=True)
class Banded:
    """A band around the main diagonal, of matrices of any width.

    Parameters
    ----------
    lower, upper : int
        So many diagonals below the main one, and above it: 0 for none, by default as many above as
        below.  Narrow matrices have those that fit.

    Raises
    ------
    ValueError
        If one is no integer from 0.

    Examples
    --------
    >>> Banded(1)
    Banded(lower=1, upper=1)
    >>> rows, columns = Banded(1, 0).places(3)
    >>> rows, columns
    (array([0, 1, 1, 2, 2]), array([0, 0, 1, 1, 2]))
    """

    lower: int
    upper: int = None  # type: ignore[assignment]  # as many as `lower`

    def __post_init__(self) -> None:
        if self.upper is None:
            object.__setattr__(self, "upper", self.lower)
        for name in ("lower", "upper"):
            checked = check_integer(name, getattr(self, name), 0, MOST_PARAMETERS)
            object.__setattr__(self, name, checked)

    @property
    def width(self) -> None:
        """The width that networks must have: none."""
        return None

    @property
    def compiled(self) -> _core.Sparsity:
        """What the compiled core is told."""
        return _core.Sparsity(self.lower, self.upper)

    def places(self, width: int) -> Places:
        """Return row and column of each entry of a matrix of `width` rows, row by row."""
        first = np.maximum(np.arange(width) - self.lower, 0)
        counts = np.minimum(np.arange(width) + self.upper, width - 1) - first + 1
        rows = np.repeat(np.arange(width), counts)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        return rows, within + first[rows]

    def describe(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"lower": self.lower, "upper": self.upper}


@dataclass(frozen=True, eq=False, repr=False)
class Pattern:
    """The entries of a square matrix, row by row, as SciPy's CSR format has them.

    Parameters
    ----------
    indptr : array_like of int, shape (v + 1,)
        Where each row begins among the entries, and the end of the last one.  Rows may be empty.
    indices : array_like of int
        The column of each entry, ascending in each row.

    Raises
    ------
    TypeError
        If they are no integers.
    ValueError
        If there is no such matrix, or it has no entries.

    Examples
    --------
    >>> pattern = Pattern([0, 2, 2, 3], [0, 2, 1])
    >>> pattern.width, pattern.entries, pattern.places()
    (3, 3, (array([0, 0, 2]), array([0, 2, 1])))
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name in ("indptr", "indices"):
            object.__setattr__(self, name, _indices(name, getattr(self, name)))
        if len(self.indptr) < 2:
            raise ValueError(f"indptr: expected at least 2 numbers, got {len(self.indptr)}")
        self.compiled  # noqa: B018 - it checks the rest

    @property
    def width(self) -> int:
        """Rows of the matrix, and its columns."""
        return len(self.indptr) - 1

    @property
    def entries(self) -> int:
        """How many entries there are."""
        return len(self.indices)

    def places(self, width: int | None = None) -> Places:
        """Return row and column of each entry; there is no `width` but the own one."""
        return np.repeat(np.arange(self.width), np.diff(self.indptr)), self.indices

    def describe(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"indptr": self.indptr.tolist(), "indices": self.indices.tolist()}

    @cached_property
    def compiled(self) -> _core.Sparsity:
        """What the compiled core is told: made once, for all networks and levels."""
        return _core.Sparsity(self.width, self.indptr.tolist(), self.indices.tolist())

    @cached_property
    def _digest(self) -> str:
        text = self.indptr.tobytes() + self.indices.tobytes()
        return hashlib.blake2b(text, digest_size=8).hexdigest()

    def __repr__(self) -> str:
        """Tell patterns apart, large ones without all their numbers."""
        if self.width + self.entries <= MOST_SHOWN:
            return f"Pattern({self.indptr.tolist()}, {self.indices.tolist()})"
        return f"Pattern({self.width} rows, {self.entries} entries, {self._digest})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pattern):
            return NotImplemented
        return np.array_equal(self.indptr, other.indptr) and np.array_equal(
            self.indices, other.indices
        )

    def __hash__(self) -> int:
        return hash(self._digest)

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave what is compiled out of pickles and copies."""
        return Pattern, (self.indptr, self.indices)


def pattern_of(given: Any) -> Pattern | Banded:
    """Return the pattern that is meant; see :class:`mgres.blocks.Sparse`.

    Raises
    ------
    TypeError
        If it is none of those things.
    ValueError
        If it is no square matrix, or not of zeros and ones.
    """
    if isinstance(given, Pattern | Banded):
        return given
    if isinstance(given, tuple) and len(given) == 2:
        return Pattern(*given)
    if hasattr(given, "tocsr"):
        return _of_scipy(given)
    try:
        array = np.asarray(given)
    except ValueError:  # rows of unlike lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf" or isinstance(given, np.ma.MaskedArray):
        raise TypeError(
            "pattern: expected a boolean or 0/1 array, (indptr, indices), a scipy.sparse matrix, "
            f"mgres.blocks.Banded or mgres.blocks.Pattern, got {type(given).__name__}"
        )
    _check_square(array.shape)
    present = array.astype(bool)
    if not np.array_equal(present, array):
        wrong = array[array != present][0]
        raise ValueError(f"pattern: expected zeros and ones, got {wrong}")
    rows, columns = np.nonzero(present)
    return Pattern(_starts(rows, len(array)), columns)


def pattern_from_description(values: dict[str, Any]) -> Pattern | Banded:
    """Return what ``describe`` of a pattern or a band has described."""
    return Banded(**values) if "lower" in values else Pattern(**values)


def _of_scipy(given: Any) -> Pattern:
    """Return the pattern of the entries that are stored, zeros among them included."""
    _check_square(given.shape)
    matrix = given.tocsr()  # whose columns may be in any order, and more than once
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    places = np.unique(np.stack([rows, matrix.indices]), axis=1)
    return Pattern(_starts(places[0], matrix.shape[0]), places[1])


def _starts(rows: NDArray[Any], width: int) -> NDArray[np.int64]:
    counts = np.bincount(rows, minlength=width)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _check_square(shape: tuple[int, ...]) -> None:
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"pattern: expected a square matrix, got shape {tuple(shape)}")


def _indices(name: str, given: Any) -> NDArray[np.int64]:
    try:
        array = np.asarray(given)
    except ValueError:
        array = np.asarray(None)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected integers, got {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{name}: expected one dimension, got shape {array.shape}")
    copy = array.astype(np.int64)
    copy.flags.writeable = False
    return copy
