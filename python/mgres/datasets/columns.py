"""Columns of a file, before it is known which are features and which is the target."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[Any]
"""A column, shape (n,): numbers, or Python objects that are text as a file has it."""


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
        return len(next(iter(self.cells.values()), ()))

    def find(self, name: str, what: str = "column") -> Cells:
        """Return a column.

        Raises
        ------
        ValueError
            If there is none of this name; the message lists those that there are.
        """
        if name in self.cells:
            return self.cells[name]
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
        cells = self.find(name)
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
