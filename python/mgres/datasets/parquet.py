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
        If it is no Parquet file, or has no rows or a name twice.
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
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(
            f"{path}: expected a Parquet file ({str(error).splitlines()[0]})"
        ) from None
    names = [str(name) for name in table.column_names]
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: its columns are {', '.join(names)}: two have the same name")
    if not table.num_rows or not names:
        raise ValueError(f"{path}: expected rows and columns, got {table.num_rows} rows")
    return Columns(path, {name: _cells(table.column(i)) for i, name in enumerate(names)})


def _cells(column: Any) -> Cells:
    """Return numbers as an array of numbers, everything else, and cells without value, as text."""
    values = column.to_pylist()
    if not all(isinstance(value, (bool, int, float)) for value in values):  # lists, too
        texts = [None if value is None else str(value).strip() for value in values]
        return np.array(texts, dtype=object)
    array = np.array(values)
    return array if array.dtype.kind in "fiub" else np.array([str(v) for v in values], dtype=object)
