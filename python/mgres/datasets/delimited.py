"""Tables in text files: a header line, then a line for each row."""

from __future__ import annotations

import codecs
import csv
import io
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from .columns import Columns, TextCells, TextColumn

DELIMITERS = (",", ";", "\t", "|")
LOOKED_AT = 20
"""Lines from which the delimiter is guessed."""

CELLS = 1 << 16
"""Cells of as many rows as are held as Python objects at a time."""

Open = Callable[[], BinaryIO]


def read_delimited(path: Path, delimiter: str | None = None) -> Columns:
    """Read a table of text with a header line, in UTF-8.

    The file is read in parts.  Of columns of many different numbers the numbers are kept, and their
    texts read again when somebody asks for them.

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
    open_again = _opener(path)
    delimiter = delimiter or _sniff(path, open_again)
    columns, rows = _read_columns(path, open_again, delimiter)

    def texts(number: int) -> list[str]:
        known: dict[str, str] = {}
        lines = islice(_lines(path, open_again, delimiter), 1, None)
        found = (line[number].strip() for line in lines)
        return [known.setdefault(text, text) for text in found]

    return Columns(path, TextCells(columns, rows, texts))


def _read_columns(
    path: Path, open_again: Open, delimiter: str
) -> tuple[dict[str, TextColumn], int]:
    """Return the columns by name, and how many rows there are."""
    lines = _lines(path, open_again, delimiter)
    first = next(lines, None)
    if first is None:
        raise ValueError(f"{path}: expected a header line and rows, got an empty file")
    header = [name.strip() for name in first]
    columns: list[TextColumn] = []
    rows = 0
    try:
        _check_header(path, header)
        known: dict[str, str] = {}
        columns = [TextColumn(known) for _ in header]
        while part := list(islice(lines, max(1, CELLS // len(header)))):
            for i, row in enumerate(part, start=rows + 1):
                if len(row) != len(header):
                    raise ValueError(
                        f"{path}: row {i}: expected {len(header)} cells, got {len(row)}"
                    )
            for column, cells in zip(columns, zip(*part, strict=True), strict=True):
                column.extend(cells)
            rows += len(part)
        if not rows:
            raise ValueError(f"{path}: expected rows below the header line, got none")
    except ValueError:
        # what cannot be read at all, such as a quote that is never closed, explains the rest
        for _ in lines:
            pass
        raise
    return dict(zip(header, columns, strict=True)), rows


def _lines(path: Path, open_again: Open, delimiter: str) -> Iterator[list[str]]:
    """Yield the lines that are not blank, cell by cell; raise a ValueError if it is no table."""
    with _text(path, open_again) as text:
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            for line in reader:
                if any(map(str.strip, line)):
                    yield line
        except csv.Error as error:
            _check_encoding(path, open_again)
            hint = " (a quote that is never closed?)" if "unexpected end" in str(error) else ""
            raise ValueError(f"{path}: line {reader.line_num}: {error}{hint}") from None


@contextmanager
def _text(path: Path, open_again: Open, newline: str = "") -> Iterator[io.TextIOWrapper]:
    with open_again() as file, io.TextIOWrapper(file, "utf-8-sig", newline=newline) as text:
        try:
            yield text
        except UnicodeDecodeError:
            _check_encoding(path, open_again)
            raise


def _opener(path: Path) -> Open:
    """Return what opens a file as often as it has to be read."""
    if not path.is_file():  # a pipe is read once
        data = path.read_bytes()
        return lambda: io.BytesIO(data)
    facts: list[tuple[int, ...]] = []

    def open_again() -> BinaryIO:
        file = path.open("rb")
        status = os.fstat(file.fileno())
        facts.append((status.st_ino, status.st_size, status.st_mtime_ns))
        if facts[0] != facts[-1]:
            file.close()
            raise ValueError(f"{path}: was changed while it was read; try again")
        return file

    return open_again


def _check_encoding(path: Path, open_again: Open) -> None:
    """Raise a ValueError that names the first byte that is not UTF-8, if there is one."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_again() as file:
        mark = len(codecs.BOM_UTF8)
        if file.read(mark) != codecs.BOM_UTF8:
            file.seek(0)
        end = False
        before = 0
        while not end:
            part = file.read(io.DEFAULT_BUFFER_SIZE)
            end = not part
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(part, end)
            except UnicodeDecodeError as error:
                byte = before - pending + error.start
                raise ValueError(
                    f"{path}: expected text in UTF-8, which byte {byte} is not"
                ) from None
            before += len(part)


def _check_header(path: Path, header: list[str]) -> None:
    if "" in header:
        raise ValueError(
            f"{path}: the header has no name for column {header.index('') + 1}; give it one"
        )
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise ValueError(f"{path}: the header names column {twice[0]!r} twice; rename one")


def _sniff(path: Path, open_again: Open) -> str:
    """Return the delimiter that fits the first lines best, a comma if none does."""
    with _text(path, open_again, newline="\n") as text:
        first = [line.removesuffix("\n") for line in islice(text, LOOKED_AT)]
    lines = [line for line in first if line.strip()]

    def cells(delimiter: str) -> tuple[bool, int]:
        try:
            counts = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        except csv.Error:
            counts = []
        first = counts[0] if counts else 0
        return first > 1 and set(counts) == {first}, first

    return max(DELIMITERS, key=cells)
