"""Whether a target is a class or a quantity, and which classes there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import Cells, Columns, is_empty, listing

MOST_CLASSES = 20
"""Integers with more different values than this are quantities, not labels."""

TASKS = ("classification", "regression")

TEXT = "text"
"""The reason to take text for classes: it cannot be anything else."""

Label = str | int


@dataclass(frozen=True)
class Target:
    """What is to be predicted.

    Attributes
    ----------
    name : str
        The column.
    task : str
        "classification" or "regression".
    values : ndarray, shape (n,)
        Numbers of classes, from 0, int64; or quantities, float64.
    classes : tuple of str or int
        Labels by number, sorted; empty for a regression.
    reason : str
        Why the task was guessed, in a few words; empty if it was given.
    """

    name: str
    task: str
    values: NDArray[Any]
    classes: tuple[Label, ...]
    reason: str


def read_target(columns: Columns, name: str, task: str | None = None) -> Target:
    """Return a column as the target.

    Text, integers of at most 20 different values, and truth values are classes; other numbers are
    quantities.

    Raises
    ------
    ValueError
        If there is no such column, a cell is empty or does not fit the task, or there is only one
        class or value.
    """
    if task is not None and task not in TASKS:
        raise ValueError(f"task: expected one of {TASKS}, got {task!r}")
    cells = columns.find(name)
    _check_filled(columns, name, cells)
    guess, reason = _guess(cells)
    if (task or guess) == "regression":
        values = columns.numbers(name)
        if np.ptp(values) == 0:
            raise ValueError(f"{columns.path}: column {name!r}: expected more than one value")
        return Target(name, "regression", values, (), "" if task else reason)
    labels = _labels(cells)
    classes = _sorted(set(labels))
    if len(classes) < 2:
        raise ValueError(
            f"{columns.path}: column {name!r}: expected at least two classes, got one, "
            f"{classes[0]!r}"
        )
    codes = {label: code for code, label in enumerate(classes)}
    values_ = np.array([codes[label] for label in labels], np.int64)
    return Target(name, "classification", values_, classes, "" if task else reason)


def encode(columns: Columns, name: str, classes: Sequence[Label]) -> NDArray[np.int64]:
    """Return the numbers of the classes in a column, for classes that are known.

    Raises
    ------
    ValueError
        If a cell is none of them.
    """
    cells = columns.find(name)
    _check_filled(columns, name, cells)
    codes = {str(label): code for code, label in enumerate(classes)}
    numbers = [codes.get(str(cell), codes.get(str(_label(cell)), -1)) for cell in cells]
    found = np.array(numbers, np.int64)
    if (found < 0).any():
        row = int(np.argmin(found))
        raise ValueError(
            f"{columns.path}: column {name!r}, row {row + 1}: {cells[row]!r} is none of the "
            f"model's classes {listing(map(str, classes))}"
        )
    return found


def _guess(cells: Cells) -> tuple[str, str]:
    if cells.dtype.kind == "b":
        return "classification", "truth values"
    try:
        values = np.unique(np.asarray(cells, np.float64))
    except (TypeError, ValueError):
        return "classification", TEXT
    if not np.isfinite(values).all() or not np.array_equal(values, np.floor(values)):
        return "regression", "numbers that are not integers"
    if len(values) > MOST_CLASSES:
        return "regression", f"integers with {len(values)} different values"
    return "classification", f"integers with {len(values)} different values"


def _labels(cells: Cells) -> list[Label]:
    """Return integers if all are, however they are written, and texts otherwise."""
    labels = [_label(cell) for cell in cells]
    if all(isinstance(label, int) for label in labels):
        return labels
    return [str(cell) for cell in cells]


def _label(cell: object) -> Label:
    """Return an integer as such, however it is written, and everything else as text."""
    if isinstance(cell, str):
        try:
            number = float(cell)
        except ValueError:
            return cell
        # "007" and "1e3" are names rather than numbers
        return int(number) if number.is_integer() and cell in _spellings(number) else cell
    if isinstance(cell, (bool, np.bool_)):
        return str(bool(cell))
    number = float(cell)  # type: ignore[arg-type]
    return int(number) if number.is_integer() else str(cell)


def _spellings(number: float) -> tuple[str, ...]:
    return (str(int(number)), f"{int(number)}.0", f"+{int(number)}")


def _sorted(labels: set[Label]) -> tuple[Label, ...]:
    if all(isinstance(label, int) for label in labels):
        return tuple(sorted(labels))
    return tuple(sorted(map(str, labels)))


def _check_filled(columns: Columns, name: str, cells: Cells) -> None:
    for row, cell in enumerate(cells):
        if is_empty(cell) or (isinstance(cell, (float, np.floating)) and np.isnan(cell)):
            raise ValueError(
                f"{columns.path}: column {name!r}, row {row + 1}: the cell is empty; the target "
                "must be known in every row"
            )
