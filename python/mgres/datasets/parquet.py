"""Columns out of Parquet files, by pyarrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .columns import Cells, Columns


def read_parquet(path: Path) -> Columns:
    """Read a Parquet file.

    Raises
    ------
    ImportError
        If pyarrow is missing.
    ValueError
        If it is no Parquet file, has no rows or a name twice, or a column that cannot be told as
        numbers or text.
    OSError
        If it cannot be read.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError(
            f'{path}: reading Parquet needs pyarrow: pip install "mgres[parquet]"'
        ) from error
    try:
        table = parquet.read_table(path)
        names = [str(name) for name in table.column_names]
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise ValueError(f"{path}: expected a Parquet file ({_first_line(error)})") from None
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: its columns are {', '.join(names)}: two have the same name")
    if not table.num_rows or not names:
        raise ValueError(f"{path}: expected rows and columns, got {table.num_rows} rows")
    cells = {}
    for i, name in enumerate(names):
        try:
            cells[name] = _cells(_values(table.column(i), pyarrow))
        except (pyarrow.ArrowException, ArithmeticError, ValueError) as error:
            raise ValueError(
                f"{path}: column {name!r}: expected numbers or text ({_first_line(error)})"
            ) from None
    return Columns(path, cells)


def _values(column: Any, pyarrow: Any) -> list[Any]:
    """Return the cells of a column as Python objects, or as text where Python has none for them."""
    try:
        values: list[Any] = column.to_pylist()
    except (pyarrow.ArrowException, ArithmeticError, ValueError):
        if pyarrow.types.is_duration(column.type):
            raise  # the text would be a number, whose unit nobody sees
        # nanoseconds, and days beyond the year 9999, which Arrow itself can write down
        values = column.cast(pyarrow.string()).to_pylist()
    return values


def _cells(values: list[Any]) -> Cells:
    """Return numbers as an array of numbers, everything else, and cells without value, as text."""
    if not all(isinstance(value, (bool, int, float)) for value in values):  # lists, too
        texts = [None if value is None else str(value).strip() for value in values]
        return np.array(texts, dtype=object)
    array = np.array(values)
    return array if array.dtype.kind in "fiub" else np.array([str(v) for v in values], dtype=object)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
