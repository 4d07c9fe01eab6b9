"""Named arrays in one file, in the layout of safetensors (version 0.3 and later).

=============  =====================================================================================
bytes          contents
=============  =====================================================================================
8              N, the length of the header, unsigned and little-endian
N              JSON: ``{"__metadata__": {str: str}, NAME: {"dtype", "shape", "data_offsets"}, ...}``
the rest       the arrays, row-major and little-endian, without gaps; offsets count from here
=============  =====================================================================================

Source: https://huggingface.co/docs/safetensors.  The layout has no checksum.  Ours is an entry
"crc32" of the metadata; a file without it is read as it is.
"""

from __future__ import annotations

import json
import math
import os
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .atomic import replacing

LARGEST_HEADER = 8_000_000
"""Bytes.  The longest headers of mgres hold the names of a table's columns, and 300,000 of 20
characters fit; a checkpoint with 100 pairs of L-BFGS on each of 11 levels needs 0.4 MB.  The format
allows for 100 MB, and JSON takes up to 23 times that in memory."""

MOST_VALUES = 400_000
"""Strings, commas and brackets in a header, which decide what it takes in memory as Python objects:
at most 50 MB.  An array has 13 to 20 of them, so that 20,000 arrays fit."""

MOST_DIMENSIONS = 32

DTYPES = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "U16": "<u2",
    "I16": "<i2",
    "F16": "<f2",
    "U32": "<u4",
    "I32": "<i4",
    "F32": "<f4",
    "U64": "<u8",
    "I64": "<i8",
    "F64": "<f8",
}
NAMES = {np.dtype(code): name for name, code in DTYPES.items()}
CHECKSUM = "crc32"
METADATA = "__metadata__"


class FormatError(ValueError):
    """A file is damaged, of another kind, or written by a newer version."""


def write_tensors(
    path: Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Replace `path` by a file of `tensors`, in one step: see :func:`replacing`.

    Parameters
    ----------
    path : Path
        The file.
    tensors : mapping of str to ndarray
        Arrays by name.
    metadata : mapping of str to str
        Texts by name.

    Raises
    ------
    TypeError
        If an array has a dtype that the format does not know.
    ValueError
        If a name is reserved, or there are more names and metadata than may be read again.
    OSError
        If the file cannot be written.
    """
    if METADATA in tensors or CHECKSUM in metadata:
        raise ValueError(f"tensors, metadata: {METADATA!r} and {CHECKSUM!r} are reserved names")
    arrays = {name: _portable(name, array) for name, array in tensors.items()}
    # the largest items first, so that all of them are aligned
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    entries: dict[str, Any] = {}
    end = 0
    for name in order:
        begin, end = end, end + arrays[name].nbytes
        entries[name] = {
            "dtype": NAMES[arrays[name].dtype],
            "shape": list(arrays[name].shape),
            "data_offsets": [begin, end],
        }
    described = {**metadata, CHECKSUM: _checksum(arrays, metadata)}
    header = json.dumps({METADATA: described, **entries}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    try:
        _check_header(header)
    except ValueError as error:
        raise ValueError(f"tensors, metadata: {error}") from None
    with replacing(path) as file:
        file.write(len(header).to_bytes(8, "little"))
        file.write(header)
        for name in order:
            file.write(_bytes(arrays[name]).data)


def read_tensors(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the arrays of a file, which are the caller's own, and its metadata.

    All sizes are compared with each other and with that of the file before memory is asked for.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FormatError
        If the file is not of the format, incomplete, does not have the checksum that it names, or
        has a header larger than any of mgres.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise FormatError(f"{path}: not a safetensors file, or incomplete ({size} bytes)")
        if length > LARGEST_HEADER:
            raise FormatError(
                f"{path}: expected a header of at most {LARGEST_HEADER} bytes, got {length}"
            )
        try:
            metadata, entries = _parse(file.read(length), size - 8 - length)
            arrays = {entry.name: _read(file, entry) for entry in entries}
        except (ValueError, RecursionError) as error:
            raise FormatError(f"{path}: damaged safetensors file: {error}") from error
    expected = metadata.pop(CHECKSUM, None)
    if expected is not None and expected != (actual := _checksum(arrays, metadata)):
        raise FormatError(
            f"{path}: damaged: its checksum is {actual}, it should be {expected} (a file that was "
            f"changed on purpose must not name the old one as {CHECKSUM!r} in its metadata)"
        )
    return arrays, metadata


@dataclass(frozen=True)
class _Entry:
    """What the header says about an array."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


def _parse(header: bytes, data: int) -> tuple[dict[str, str], list[_Entry]]:
    """Return metadata and entries, in the order of the data; raise a ValueError otherwise."""
    _check_header(header)
    parsed = json.loads(header.decode("utf-8"), object_pairs_hook=_unique)
    if not isinstance(parsed, dict):
        raise ValueError("its header is no JSON object")
    metadata = parsed.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("its metadata are not strings")
    entries = [_parse_entry(name, entry) for name, entry in parsed.items()]
    entries.sort(key=lambda entry: (entry.begin, entry.end))
    end = 0
    for entry in entries:
        if entry.begin != end:
            raise ValueError(f"{entry.name!r} begins at {entry.begin}, expected {end}")
        end = entry.end
    if end != data:
        raise ValueError(f"expected {end} bytes of data, got {data}")
    return metadata, entries


def _check_header(header: bytes) -> None:
    """Raise a ValueError if a header would take too much memory as Python objects."""
    if len(header) > LARGEST_HEADER:
        raise ValueError(f"expected a header of at most {LARGEST_HEADER} bytes, got {len(header)}")
    # without escaped characters, every quote begins or ends a string
    plain = header.replace(rb"\\", b"").replace(rb"\"", b"")
    values = re.finditer(rb'"[^"]*"|[\[{,]', plain)
    if next(islice(values, MOST_VALUES, None), None) is not None:
        raise ValueError(
            f"expected a header of at most {MOST_VALUES} strings, commas and brackets, got more"
        )


def _parse_entry(name: str, entry: Any) -> _Entry:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name!r} is not described by dtype, shape and data_offsets")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in DTYPES:
        raise ValueError(f"{name!r} has the unknown dtype {code!r}")
    if not (_are_counts(shape) and len(shape) <= MOST_DIMENSIONS):
        raise ValueError(f"{name!r} has no valid shape")
    if not (_are_counts(offsets) and len(offsets) == 2):
        raise ValueError(f"{name!r} has no valid data_offsets")
    dtype = np.dtype(DTYPES[code])
    begin, end = offsets
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name!r} has {end - begin} bytes, which is not what its shape needs")
    return _Entry(name, dtype, tuple(shape), begin, end)


def _are_counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice in its header")
    return found


def _read(file: BinaryIO, entry: _Entry) -> NDArray[Any]:
    array: NDArray[Any] = np.empty(entry.shape, entry.dtype)
    rest = _bytes(array).data
    while len(rest) > 0:
        # one call reads 2 GB at most
        read = file.readinto(rest)  # type: ignore[attr-defined]
        if not read:
            raise ValueError(f"the file ends within {entry.name!r}")
        rest = rest[read:]
    if entry.dtype == np.bool_ and (_bytes(array) > 1).any():
        raise ValueError(f"{entry.name!r} holds neither true nor false")
    return array.astype(entry.dtype.newbyteorder("="), copy=False)


def _portable(name: str, array: NDArray[Any]) -> NDArray[Any]:
    dtype = array.dtype.newbyteorder("<")
    if dtype not in NAMES:
        raise TypeError(f"{name}: expected real numbers or truth values, got dtype {array.dtype}")
    return np.asarray(array, dtype, order="C")


def _bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    return array.reshape(-1).view(np.uint8)


def _checksum(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> str:
    """Return a checksum of all but the order of things, which other software may change."""
    portable = {name: _portable(name, arrays[name]) for name in sorted(arrays)}
    facts = [[name, NAMES[array.dtype], array.shape] for name, array in portable.items()]
    parts: Iterable[Any] = (
        json.dumps([sorted(metadata.items()), facts]).encode(),
        *(_bytes(array).data for array in portable.values()),
    )
    crc = 0
    for part in parts:
        crc = zlib.crc32(part, crc)
    return f"{crc:08x}"
