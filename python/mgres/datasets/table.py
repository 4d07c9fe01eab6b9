"""Data of one's own: features and a target out of a file."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .arrays import read_idx_pair, read_npz
from .columns import Columns, TextCells, listing
from .delimited import read_delimited
from .parquet import read_parquet
from .targets import MOST_CLASSES, Target, read_target

KINDS = "*.csv, *.tsv, *.txt, *.npz, *.parquet or *-idx3-ubyte, the last one with or without .gz"

TEXT = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
_IDX = re.compile(r"(\.idx|[.-]idx\d-\w+)(\.gz)?$")


@dataclass(frozen=True)
class Table:
    """Features and a target.

    Attributes
    ----------
    X : ndarray, shape (n, n_features)
        Features, float64, as they are in the file.
    features : tuple of str
        Their names.
    target : Target
        What is to be predicted.
    """

    X: NDArray[np.float64]
    features: tuple[str, ...]
    target: Target


def read_table(
    path: str | os.PathLike[str],
    target: str | None = None,
    *,
    task: str | None = None,
    ignore: Sequence[str] = (),
    delimiter: str | None = None,
) -> Table:
    r"""Read features and a target from a file.

    =================================  ===========================================================
    file                               what it holds
    =================================  ===========================================================
    ``*.csv``, ``*.tsv``, ``*.txt``    a header line, then rows
    ``*.parquet``                      columns; needs pyarrow (extra ``parquet``)
    ``*.npz``                          arrays ``X`` and ``y``, or another name given by `target`
    ``*-idx3-ubyte``, ``*.idx``        images; `target` is the file of their labels
    =================================  ===========================================================

    All columns but the target and those in `ignore` are features.

    Parameters
    ----------
    path : str or path-like
        The file.
    target : str, optional
        The column to be predicted; must be given for tables with named columns.
    task : str, optional
        "classification" or "regression".  By default text, truth values and integers of at most 20
        different values are classes, and other numbers quantities.
    ignore : sequence of str
        Columns to leave out.
    delimiter : str, optional
        The character between cells of a text file, by default guessed.

    Returns
    -------
    Table

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If reading it needs a package that is missing.
    ValueError
        If it is no such table: the message names the file, the column, the row, and what to do.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "flowers.csv"
    >>> _ = path.write_text("length,width,kind\n1.5,2,rose\n3,1.25,lily\n")
    >>> table = read_table(path, "kind")
    >>> table.X.tolist(), table.features
    ([[1.5, 2.0], [3.0, 1.25]], ('length', 'width'))
    >>> table.target.classes, table.target.values.tolist()
    (('lily', 'rose'), [1, 0])
    """
    columns = read_columns(path, target, delimiter=delimiter)
    name = target if columns.is_named else columns.target
    if name is None:
        what = f"one of {listing(columns.cells)}" if columns.is_named else "labels"
        raise ValueError(f"{columns.path}: no target was named; take {what} by --target")
    columns.check(name)
    for ignored in ignore:
        columns.check(ignored)
    features = tuple(column for column in columns.cells if column not in (name, *ignore))
    if name in ignore:
        raise ValueError(f"{columns.path}: {name!r} is the target and cannot be ignored")
    if not features:
        raise ValueError(f"{columns.path}: expected columns besides {name!r}")
    X = columns.matrix(features, can_ignore=True)
    return Table(X, features, _read_target(columns, name, task))


def _read_target(columns: Columns, name: str, task: str | None) -> Target:
    """Return the target; quantities out of the numbers that are known, without their texts."""
    if isinstance(columns.cells, TextCells) and task in (None, "regression"):
        numbers = columns.cells.kept(name).numbers
        # with so many values they are quantities, whether that is said or guessed
        if numbers is not None and len(np.unique(numbers)) > MOST_CLASSES:
            columns = Columns(columns.path, {name: numbers})
    return read_target(columns, name, task)


def check_varied(path: str | os.PathLike[str], table: Table) -> None:
    """Raise a ValueError if a feature of a file with named columns is the same in every row."""
    constant = np.flatnonzero(np.ptp(table.X, axis=0) == 0)
    if constant.size and not is_array(path):
        name = table.features[constant[0]]
        raise ValueError(
            f"{os.fspath(path)}: column {name!r} is constant; leave it out by --ignore {name}"
        )


def read_columns(
    path: str | os.PathLike[str], target: str | None = None, *, delimiter: str | None = None
) -> Columns:
    """Return all columns of a file; see :func:`read_table`."""
    path = Path(path)
    check_file(path)
    suffix = path.suffix.lower()
    if is_array(path):
        return read_npz(path, target) if suffix == ".npz" else read_idx_pair(path, target)
    if suffix in TEXT:
        return read_delimited(path, "\t" if suffix == ".tsv" and not delimiter else delimiter)
    if suffix in PARQUET:
        return read_parquet(path)
    raise ValueError(f"{path}: expected a file {KINDS}")


def is_table(name: str) -> bool:
    """Return whether a name looks like that of a file that :func:`read_table` reads."""
    return is_array(name) or Path(name).suffix.lower() in (*TEXT, *PARQUET)


def is_array(name: str | os.PathLike[str]) -> bool:
    """Return whether a file by its name holds arrays, without names of columns."""
    return os.fspath(name).lower().endswith(".npz") or is_idx(name)


def is_idx(name: str | os.PathLike[str]) -> bool:
    """Return whether a file by its name has the idx format."""
    return _IDX.search(os.fspath(name).lower()) is not None


def check_file(path: Path) -> None:
    """Raise a FileNotFoundError unless `path` is a file."""
    if path.is_dir():
        raise FileNotFoundError(f"{path}: expected a file, got a folder")
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file")
