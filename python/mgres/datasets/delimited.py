"""Tables in text files: a header line, then a line for each row."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import numpy as np

from .columns import Columns

DELIMITERS = (",", ";", "\t", "|")
LOOKED_AT = 20
"""Lines from which the delimiter is guessed."""


def read_delimited(path: Path, delimiter: str | None = None) -> Columns:
    """Read a table of text with a header line, in UTF-8.

    Parameters
    ----------
    path : Path
        The file; blank lines in it are skipped.
    delimiter : str, optional
        The character between cells; by default that of comma, semicolon, tab and bar which
        divides the first lines into most cells, as many in each.

    Raises
    ------
    ValueError
        If it is no such table: empty, not UTF-8, a quote that is never closed, a header with a
        name twice or none, no rows, or a row of another length.
    OSError
        If it cannot be read.
    """
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise ValueError(f"delimiter: expected a single character, got {delimiter!r}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: expected text in UTF-8, which byte {error.start} is not"
        ) from None
    lines = _parse(path, text, delimiter or _sniff(text))
    if not lines:
        raise ValueError(f"{path}: expected a header line and rows, got an empty file")
    header, rows = [name.strip() for name in lines[0]], lines[1:]
    _check_header(path, header)
    if not rows:
        raise ValueError(f"{path}: expected rows below the header line, got none")
    for i, row in enumerate(rows):
        if len(row) != len(header):
            raise ValueError(f"{path}: row {i + 1}: expected {len(header)} cells, got {len(row)}")
    columns = zip(*rows, strict=True)
    cells = {
        name: np.array([cell.strip() for cell in column], dtype=object)
        for name, column in zip(header, columns, strict=True)
    }
    return Columns(path, cells)


def _parse(path: Path, text: str, delimiter: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return [line for line in reader if any(cell.strip() for cell in line)]
    except csv.Error as error:
        hint = " (a quote that is never closed?)" if "unexpected end" in str(error) else ""
        raise ValueError(f"{path}: line {reader.line_num}: {error}{hint}") from None


def _check_header(path: Path, header: list[str]) -> None:
    if "" in header:
        raise ValueError(
            f"{path}: the header has no name for column {header.index('') + 1}; give it one"
        )
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise ValueError(f"{path}: the header names column {twice[0]!r} twice; rename one")


def _sniff(text: str) -> str:
    """Return the delimiter that fits the first lines best, a comma if none does."""
    lines = [line for line in text.split("\n", LOOKED_AT)[:LOOKED_AT] if line.strip()]

    def cells(delimiter: str) -> tuple[bool, int]:
        try:
            counts = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        except csv.Error:
            counts = []
        first = counts[0] if counts else 0
        return first > 1 and set(counts) == {first}, first

    return max(DELIMITERS, key=cells)
