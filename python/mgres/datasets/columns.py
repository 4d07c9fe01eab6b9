"""Columns of a file, before it is known which are features and which is the target."""

from __future__ import annotations

import difflib
import math
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[Any]
"""A column, shape (n,): numbers, or Python objects that are text as a file has it."""

ENOUGH = 1024
"""Texts of a column that are seen before it is taken for one of numbers."""

MOST_KNOWN = 1 << 16
"""Different texts that are remembered, so that a text which occurs again takes no more memory."""


class TextColumn:
    """A column of a file of text, as it is read: texts while they repeat, then numbers.

    A text of its own takes 60 bytes or more, a number 8.  So a column of many different texts that
    are finite numbers, all of them, keeps the numbers alone.

    Parameters
    ----------
    known : dict
        Texts that have been seen, shared by all columns.
    """

    __slots__ = ("_bad", "_check_at", "_known", "_numbers", "_texts")

    def __init__(self, known: dict[str, str]) -> None:
        self._known = known
        self._texts: list[str] | None = []
        self._numbers: array[float] | None = None
        self._bad: tuple[int, str] | None = None
        self._check_at = ENOUGH

    def extend(self, cells: Sequence[str]) -> None:
        """Add cells, which may have blanks around them."""
        if self._bad is not None:
            return
        if self._texts is None:
            self._extend_numbers(cells)
            return
        known = self._known
        if len(known) < MOST_KNOWN:
            self._texts += [known.setdefault(cell, cell) for cell in map(str.strip, cells)]
        else:
            self._texts += [known.get(cell, cell) for cell in map(str.strip, cells)]
        if len(self._texts) >= self._check_at:
            self._check_at = 2 * len(self._texts)
            if 8 * len(set(self._texts)) > len(self._texts):
                self._become_numbers(self._texts)

    @property
    def texts(self) -> list[str] | None:
        """The cells, if they are known."""
        return self._texts

    @property
    def numbers(self) -> NDArray[np.float64] | None:
        """The cells as finite numbers, if these are known."""
        return None if self._numbers is None else np.frombuffer(self._numbers)

    @property
    def bad(self) -> tuple[int, str] | None:
        """Row and text of the first cell that is no finite number, where no more is known."""
        return self._bad

    def _become_numbers(self, texts: list[str]) -> None:
        self._numbers = array("d")
        self._extend_numbers(texts)
        if self._bad is None:
            self._texts = None
        else:
            self._numbers = self._bad = None
            self._check_at = sys.maxsize  # it is one of text

    def _extend_numbers(self, cells: Sequence[str]) -> None:
        numbers = self._numbers
        assert numbers is not None
        before = len(numbers)
        with suppress(ValueError):  # those before the bad cell have been added
            numbers.extend(map(float, cells))
        good = len(numbers) - before
        if good:
            is_finite = np.isfinite(np.frombuffer(numbers)[before:])
            good = good if is_finite.all() else int(np.argmin(is_finite))
        if good < len(cells):
            self._bad, self._numbers = (before + good, cells[good].strip()), None


class TextCells(Mapping[str, Cells]):
    """Columns of a file of text by name; texts that were not kept are read again.

    Parameters
    ----------
    columns : mapping of str to TextColumn
        What was kept.
    rows : int
        The length of the columns.
    read_again : callable
        Returns the texts of the column of a number.
    """

    def __init__(
        self,
        columns: Mapping[str, TextColumn],
        rows: int,
        read_again: Callable[[int], Sequence[str]],
    ) -> None:
        self._columns = columns
        self._read_again = read_again
        self.rows = rows

    def __getitem__(self, name: str) -> Cells:
        """Return a column as text."""
        texts: Sequence[str] | None = self._columns[name].texts
        if texts is None:
            texts = self._read_again([*self._columns].index(name))
        cells = np.empty(len(texts), dtype=object)
        cells[:] = texts
        return cells

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def kept(self, name: str) -> TextColumn:
        """Return what was kept of a column."""
        return self._columns[name]


@dataclass(frozen=True)
class Columns:
    """What a file holds.

    Attributes
    ----------
    path : Path
        The file, for messages.
    cells : mapping of str to ndarray
        Columns by name, in the file's order, all of the same length.
    is_named : bool
        Whether the names are the file's own, and not made up for the columns of an array.
    target : str or None
        The target, where the kind of file decides it.
    """

    path: Path
    cells: Mapping[str, Cells]
    is_named: bool = True
    target: str | None = None

    @property
    def rows(self) -> int:
        """The number of rows."""
        if isinstance(self.cells, TextCells):
            return self.cells.rows
        return len(next(iter(self.cells.values()), ()))

    def find(self, name: str, what: str = "column") -> Cells:
        """Return a column.

        Raises
        ------
        ValueError
            If there is none of this name; the message lists those that there are.
        """
        self.check(name, what)
        return self.cells[name]

    def check(self, name: str, what: str = "column") -> None:
        """Raise a ValueError that lists the columns if there is none of this name."""
        if name in self.cells:
            return
        raise ValueError(
            f"{self.path}: there is no {what} {name!r}; its columns are {listing(self.cells)}"
            f"{suggestion(name, self.cells)}"
        )

    def numbers(self, name: str, *, can_ignore: bool = False) -> NDArray[np.float64]:
        """Return a column as finite numbers; a message proposes to ignore it where that can be.

        Raises
        ------
        ValueError
            If a cell is none; the message names it.
        """
        self.check(name)
        if isinstance(self.cells, TextCells):
            kept = self.cells.kept(name)
            if kept.numbers is not None:
                return kept.numbers
            if kept.bad is not None:
                raise self._bad_cell(name, *kept.bad, can_ignore=can_ignore)
        cells = self.cells[name]
        try:
            values = np.asarray(cells, np.float64)
        except (TypeError, ValueError):
            values = np.array([_float(cell) for cell in cells])
        if not np.isfinite(values).all():
            row = int(np.argmin(np.isfinite(values)))
            raise self._bad_cell(name, row, cells[row], can_ignore=can_ignore)
        return values

    def matrix(self, names: Sequence[str], *, can_ignore: bool = False) -> NDArray[np.float64]:
        """Return columns as finite numbers, shape (n, len(names))."""
        X = np.empty((self.rows, len(names)))
        for j, name in enumerate(names):
            X[:, j] = self.numbers(name, can_ignore=can_ignore)
        return X

    def _bad_cell(self, name: str, row: int, cell: Any, *, can_ignore: bool) -> ValueError:
        where = f"{self.path}: column {name!r}, row {row + 1}"
        hint = f"; leave the column out by --ignore {name}" if can_ignore and self.is_named else ""
        if is_empty(cell):
            remedy = f"{hint}, or fill it in" if hint else "; fill it in"
            return ValueError(f"{where}: the cell is empty{remedy}")
        text = str(cell)
        if text.count(",") == 1 and math.isfinite(_float(text.replace(",", "."))):
            hint = "; write decimals with a point"
        return ValueError(f"{where}: expected a finite number, got {text!r}{hint}")


def is_empty(cell: Any) -> bool:
    """Return whether a cell holds nothing."""
    return cell is None or (isinstance(cell, str) and not cell)


def listing(names: Iterable[str], most: int = 20) -> str:
    """Return names with commas between them, the first ones if they are many."""
    known = list(names)
    more = f", ... ({len(known)} in all)" if len(known) > most else ""
    return ", ".join(known[:most]) + more


def suggestion(name: str, names: Iterable[str]) -> str:
    """Return a question about the name that was probably meant, or nothing."""
    by_lower = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""


def _float(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return math.nan
